#!/usr/bin/env bash
# busy_machine.sh [-r ROUNDS=3] [-n NICE=10] [CAIRN=build/cairn [OTHER]]: how a training fares beside other processes.
#
# Beside as many niced burners as there are processors, one epoch of digits is learned with one thread, with all threads,
# and with all threads under OMP_WAIT_POLICY=passive; on the idle machine also, and LeNet's inference of one picture.
# Under quotas of control groups v1 and v2 (half a processor; needs root) the program is asked how many threads it takes.
# With OTHER, another build, both are measured in turn, round by round, and compared. Prints medians of the rounds; fails
#   - when the busy training takes more than 1.5 times the time of passive waiting,
#   - when LeNet takes more than 1.05 times OTHER's time,
#   - when a quota is not followed.
set -euo pipefail
rounds=3 level=10
while getopts r:n: flag; do
  case $flag in r) rounds=$OPTARG ;; n) level=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
programs=("${1:-build/cairn}" ${2:+"$2"})
folder=$(mktemp -d) processors=$(nproc) failed=0
burners=()
stop() {
  [ ${#burners[@]} = 0 ] || kill "${burners[@]}" 2>/dev/null || true
  burners=()
}
trap 'stop; rm -rf "$folder"' EXIT

burn() {
  for _ in $(seq "$processors"); do
    nice -n "$level" sh -c 'while :; do :; done' &
    burners+=($!)
  done
}

# train PROGRAM NAME THREADS [VARIABLE=VALUE]: adds a line "wall processor" to the file NAME.PROGRAM.
train() {
  local number=$1 name=$2 threads=$3 TIMEFORMAT='%R %U %S' times
  shift 3
  times=$({ time env "$@" "${programs[number]}" train image-classification --data digits --epochs 1 --batch 1000 --seed 1 \
            --threads "$threads" --out "$folder/run" --quiet >/dev/null 2>&1; } 2>&1)
  rm -rf "$folder/run"
  awk '{ print $1, $2 + $3 }' <<<"$times" >>"$folder/$name.$number"
}
infer() { # PROGRAM: adds the time of a step, ms
  "${programs[$1]}" bench lenet_infer_b1 --seconds 1 --json "$folder/row.json" >/dev/null 2>&1
  sed -n 's/.*"ms": *\([0-9.e-]*\).*/\1 0/p' "$folder/row.json" >>"$folder/lenet.$1"
}
# median NAME PROGRAM COLUMN
median() { sort -g -k"$3,$3" "$folder/$1.$2" | awk -v c="$3" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
# bar TEXT VALUE MOST
bar() {
  local verdict=holds
  if ! awk -v a="$2" -v b="$3" 'BEGIN { exit !(a <= b) }'; then verdict=FAILS failed=1; fi
  echo "$1: $2 (at most $3): $verdict"
}

for _ in $(seq "$rounds"); do
  for p in "${!programs[@]}"; do train "$p" idle "$processors" A=; infer "$p"; done
done
burn
for _ in $(seq "$rounds"); do
  for p in "${!programs[@]}"; do
    train "$p" busy-one-thread 1 A=
    train "$p" busy-passive "$processors" OMP_WAIT_POLICY=passive
    train "$p" busy "$processors" A=
  done
done
stop

for p in "${!programs[@]}"; do
  echo "${programs[p]}, medians of $rounds rounds, $processors threads:"
  for name in idle busy-one-thread busy-passive busy; do
    printf '  %-16s %7.2f s, processor time %.2f s\n' $name "$(median $name "$p" 1)" "$(median $name "$p" 2)"
  done
  printf '  %-16s %7.4f ms a picture\n' lenet "$(median lenet "$p" 1)"
done
bar "busy / passive waiting" "$(ratio "$(median busy 0 1)" "$(median busy-passive 0 1)")" 1.5
if [ ${#programs[@]} = 2 ]; then
  for name in idle busy-one-thread busy-passive busy; do
    echo "$name, this / other: $(ratio "$(median $name 0 1)" "$(median $name 1 1)")"
  done
  bar "LeNet of one picture, this / other" "$(ratio "$(median lenet 0 1)" "$(median lenet 1 1)")" 1.05
fi

# Half a processor is one thread. The files of v2 are laid over its mount, in a name space of their own, so that they can be
# had on a machine whose processors v1 deals out.
threads_of() { "${programs[0]}" doctor | sed -n 's/^ *threads *\([0-9]*\).*/\1/p'; }
quota() { # NAME THREADS
  [ -n "$2" ] || { echo "quota of control group $1: cannot be set here (root, and its mount)"; return 0; }
  bar "threads under half a processor, control group $1" "$2" 1
}
v1=$(awk '$3 == "cgroup" && $4 ~ /(^|,)cpu(,|$)/ { print $2; exit }' /proc/mounts) group=$v1/cairn-busy-$$ under=
if [ -n "$v1" ] && mkdir "$group" 2>/dev/null; then
  echo 50000 >"$group/cpu.cfs_quota_us"
  under=$(echo $BASHPID >"$group/cgroup.procs"; threads_of)
  rmdir "$group" || { sleep 1; rmdir "$group"; }
fi
quota v1 "$under"
v2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts) under=
if [ -n "$v2" ]; then
  echo "50000 100000" >"$folder/cpu.max"
  own=$(sed -n 's/^0:://p' /proc/self/cgroup)
  mkdir -p "$folder$own" && cp -n "$folder/cpu.max" "$folder$own/cpu.max" 2>/dev/null || true
  under=$(unshare -m sh -c 'mount --bind "$1" "$2" && "$3" doctor' - "$folder" "$v2" "$(realpath "${programs[0]}")" 2>/dev/null |
          sed -n 's/^ *threads *\([0-9]*\).*/\1/p') || under=
fi
quota v2 "$under"
exit $failed
