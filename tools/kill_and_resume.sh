#!/usr/bin/env bash
# kill_and_resume.sh RUNS [TASK...]: trains once to the end; then RUNS trainings are each killed (SIGKILL) three
# times at random moments and resumed until they end, and their weights compared with the first's, bit by bit.
# For every TASK (without: image-classification; "all": each that the program has). CAIRN: the program, if not build/cairn.
set -euo pipefail
runs=${1:-50}
[[ $runs =~ ^[1-9][0-9]*$ ]] || { echo "how many runs? '$runs' is no number; see the head of this file" >&2; exit 2; }
cairn=${CAIRN:-$(cd "$(dirname "$0")/.." && pwd)/build/cairn}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
shift || true
declare -A options=(
  [image-classification]="--data digits --epochs 1 --batch 500 --lr 0.002 --save-every 5"
  [image-gan]="--data digits --conditional --width 8 --steps 60 --sample-every 12 --save-every 5"
  [image-to-image]="--width 8 --batch 8 --steps 60 --sample-every 12 --save-every 5"
  [text-gan]="--width 16 --embedding 8 --looks 2 --batch 8 --longest 12 --steps 200 --likelihood-steps 100
              --sample-every 60 --save-every 17"
  [language-model]="--model lstm --layers 1 --width 64 --context 32 --steps 400 --eval-every 80 --save-every 25"
  [tabular]="--epochs 40 --save-every 25"
  [object-detection]="--image-size 64 --width 4 --batch 4 --steps 60 --eval-every 25 --save-every 7"
  [machine-translation]="--vocab 300 --layers 1 --width 16 --heads 2 --feed-forward 32 --batch 8 --longest 40
                         --steps 300 --eval-every 90 --save-every 20"
  [summarization]="--vocab 300 --layers 1 --width 16 --heads 2 --feed-forward 32 --batch 8 --longest 160
                   --steps 200 --eval-every 60 --save-every 20"
  [forecast]="--horizon 12 --context 48 --model gru --width 8 --layers 1 --steps 400 --eval-every 120 --save-every 25"
  [anomaly-detection]="--horizon 6 --context 48 --model gru --width 8 --layers 1 --patch 8 --split-rows 600,200,200
                       --steps 400 --eval-every 120 --save-every 25"
  [text-classification]="--width 16 --heads 2 --layers 1 --vocab 300 --batch 8 --steps 120 --eval-every 50 --save-every 15"
  [question-answering]="--width 16 --vocab 300 --batch 8 --steps 80 --eval-every 40 --save-every 15"
  [speech-recognition]="--width 16 --layers 1 --batch 8 --steps 80 --eval-every 40 --save-every 15"
)
tasks=("${@:-image-classification}")
[ "${tasks[0]}" = all ] && tasks=("${!options[@]}")

# train TASK OUT: begins or goes on.
train() {
  local resume=()
  [ -f "$2/config.json" ] && resume=(--resume)
  # shellcheck disable=SC2086
  exec "$cairn" train "$1" ${options[$1]} --threads 2 --out "$2" "${resume[@]}" >/dev/null 2>&1
}

status=0
for task in "${tasks[@]}"; do
  [ -n "${options[$task]:-}" ] || { echo "no options are known for '$task'" >&2; exit 2; }
  began=$(date +%s%N)
  (train "$task" "$folder/whole") || { echo "$task: it does not train with ${options[$task]}" >&2; exit 1; }
  whole=$((($(date +%s%N) - began) / 1000000))  # ms
  same=0 kills=0
  for i in $(seq "$runs"); do
    out=$folder/$i
    for _ in 1 2 3; do
      (train "$task" "$out") & pid=$!
      sleep "$(awk -v ms=$whole -v r=$RANDOM 'BEGIN { printf "%.3f", ms / 1000 * (0.1 + 0.6 * r / 32768) }')"
      if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
      wait "$pid" 2>/dev/null || true
    done
    (train "$task" "$out")
    if cmp -s "$out/model.safetensors" "$folder/whole/model.safetensors"; then
      same=$((same + 1))
    else
      echo "$task: run $i differs" >&2
    fi
    rm -rf "$out"
  done
  echo "$task: $same of $runs bit-identical after $kills kills"
  [ "$same" = "$runs" ] || status=1
  rm -rf "$folder/whole"
done
exit $status
