#!/usr/bin/env bash
# How a training fares beside other processes: busy_machine.sh [CAIRN=build/cairn] [NICE=10]
#
# Two processes per run of one epoch of digits: as many niced burners as there are processors, and the
# training, with all threads, with all threads under OMP_WAIT_POLICY=passive, and with one. Prints wall
# and processor time of each; fails when the first takes more than 1.5 times the second. For comparison
# with another build, pass its program.
set -euo pipefail
cairn=${1:-build/cairn} level=${2:-10} folder=$(mktemp -d)
burners=()
stop() { kill "${burners[@]}" 2>/dev/null || true; rm -rf "$folder"; }
trap stop EXIT

train() { # NAME THREADS [VARIABLE=VALUE]: prints and sets `wall`
  local name=$1 threads=$2; shift 2
  local TIMEFORMAT='%R %U %S'
  local times
  times=$({ time env "$@" "$cairn" train image-classification --data digits --epochs 1 --batch 1000 \
            --seed 1 --threads "$threads" --out "$folder/$name" --quiet >/dev/null 2>&1; } 2>&1)
  read -r wall user system <<<"$times"
  printf '%-24s %7.2f s, processor time %.2f s\n' "$name" "$wall" "$(echo "$user + $system" | bc)"
}

processors=$(nproc)
train idle "$processors" A=
for _ in $(seq "$processors"); do
  nice -n "$level" sh -c 'while :; do :; done' &
  burners+=($!)
done
train busy-one-thread 1 A=
train busy-passive "$processors" OMP_WAIT_POLICY=passive
passive=$wall
train busy "$processors" A=
echo "busy / busy-passive: $(echo "scale=2; $wall / $passive" | bc) (at most 1.5)"
[ "$(echo "$wall <= 1.5 * $passive" | bc)" = 1 ]
