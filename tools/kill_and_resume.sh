#!/usr/bin/env bash
# kill_and_resume.sh RUNS: trains once to the end; then RUNS trainings are each killed (SIGKILL) at random
# moments and resumed until they end, and their weights compared with the first's, bit by bit.
set -euo pipefail
runs=${1:-50}
cairn=$(cd "$(dirname "$0")/.." && pwd)/build/cairn
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# train OUT: begins or goes on.
train() {
  local resume=()
  [ -f "$1/config.json" ] && resume=(--resume)
  exec "$cairn" train image-classification --data digits --epochs 1 --batch 500 --lr 0.002 --threads 2 \
    --save-every 5 --out "$1" "${resume[@]}" >/dev/null 2>&1
}

began=$(date +%s%N)
(train "$folder/whole")
whole=$((($(date +%s%N) - began) / 1000000))  # ms
same=0 kills=0
for i in $(seq "$runs"); do
  out=$folder/$i
  for _ in 1 2 3; do
    (train "$out") & pid=$!
    sleep "$(awk -v ms=$whole -v r=$RANDOM 'BEGIN { printf "%.3f", ms / 1000 * (0.1 + 0.6 * r / 32768) }')"
    if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null || true
  done
  (train "$out")
  if cmp -s "$out/model.safetensors" "$folder/whole/model.safetensors"; then
    same=$((same + 1))
  else
    echo "run $i differs" >&2
  fi
  rm -rf "$out"
done
echo "$same of $runs bit-identical after $kills kills"
[ "$same" = "$runs" ]
