#!/usr/bin/env bash
# Builds Cairn for 64-bit Arm on a Debian 12 of another processor, and runs tests under qemu: arm.sh [TEST_FOLDER...] (else those below).
# Installs Debian's cross compiler and qemu where they are missing (tools/install.sh arm). Arm's packages are unpacked into a folder of
# their own (CAIRN_SYSROOT, else build-arm/sysroot); nothing else of this system changes. Built without oneDNN: Cairn's own kernels run, on
# NEON's vectors. NICE=19 builds and runs when nothing else wants the processors, JOBS says how many of them (else all).
set -euo pipefail
cd "$(dirname "$0")/.."
folders=("$@")
[ $# -gt 0 ] || folders=(base ops autograd gemm winograd)
# Left out under qemu 7.2 (Debian 12's), a line each: which test, and why.
left_out=(
  '*WorksInAForkedChild*|qemu ends a forked child that starts a thread ("qemu_plugin_vcpu_init_hook: assertion failed")'
  'Sizes.ThatCannotBeAreExplained|asks for 2^40 bytes and more, for which qemu keeps a list of pages that fills the memory'
  'Winograd.SeveralChunksAndSlices|a minute and more under emulation'
  'Winograd.ManyChannels|a minute and more under emulation'
  'Winograd.Depth|two minutes and more under emulation'
)
sysroot_packages=(libc6-dev libstdc++-12-dev libgcc-12-dev libhwy-dev libfmt-dev libcli11-dev nlohmann-json3-dev libhowardhinnant-date-dev
                  zlib1g-dev libpng-dev libjpeg-dev libwebp-dev libtiff-dev libgif-dev libicu-dev libpcre2-dev libpugixml-dev libavformat-dev
                  libswscale-dev libsndfile1-dev libsoxr-dev libkissfft-dev liblapack3 libprotobuf-dev libcpp-httplib-dev
                  libsentencepiece-dev libgtest-dev)
mkdir -p build-arm
export CAIRN_SYSROOT=${CAIRN_SYSROOT:-$PWD/build-arm/sysroot}
jobs=${JOBS:-$(nproc)}
run=(nice -n "${NICE:-0}")

make_sysroot() {
  local state=$CAIRN_SYSROOT/apt package
  mkdir -p "$state"/{lists,archives}/partial "$CAIRN_SYSROOT/usr/lib"
  : > "$state/status"
  local options=(-qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State="$state" -o Dir::State::status="$state/status"
                 -o Dir::State::lists="$state/lists" -o Dir::Cache="$state" -o Dir::Cache::archives="$state/archives"
                 -o Debug::NoLocking=1 -o APT::Install-Recommends=0 -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  apt-get "${options[@]}" install --download-only -y "${sysroot_packages[@]}" > /dev/null
  ln -sfn usr/lib "$CAIRN_SYSROOT/lib"
  for package in "$state"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$CAIRN_SYSROOT"
  done
  for package in blas lapack; do  # what Debian's own scripts would have chosen
    ln -sfn "$package/lib$package.so.3" "$CAIRN_SYSROOT/usr/lib/aarch64-linux-gnu/lib$package.so.3"
  done
  rm -rf "$state"
  echo "${sysroot_packages[*]}" > "$CAIRN_SYSROOT/complete"
}

tools/install.sh arm
if [ "$(cat "$CAIRN_SYSROOT/complete" 2> /dev/null)" != "${sysroot_packages[*]}" ]; then
  echo "unpacking Arm's packages into $CAIRN_SYSROOT"
  make_sysroot
fi
echo "building: ${folders[*]/#/test_} (build-arm/build.log)"
{ cmake -S . -B build-arm -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake -DCAIRN_ONEDNN=OFF -DCAIRN_TESTS=ON &&
    "${run[@]}" cmake --build build-arm -j "$jobs" --target "${folders[@]/#/test_}"; } > build-arm/build.log 2>&1 ||
  { tail -n 60 build-arm/build.log >&2; exit 1; }

# run_tests FOLDER: in JOBS parts at once; fails where a test does or a part does not come to its end.
run_tests() {
  local folder=$1 skip= entry i part parts=() log failed=0 ran=0 passed=0 skipped=0
  local -a qemu=("${run[@]}" qemu-aarch64 -L "$CAIRN_SYSROOT" build-arm/test_"$folder")
  for entry in "${left_out[@]}"; do
    "${qemu[@]}" --gtest_list_tests --gtest_filter="${entry%%|*}" | grep -q '^  ' || continue
    skip+=:${entry%%|*}
    echo "$folder: without ${entry%%|*}: ${entry#*|}"
  done
  for ((i = 0; i < jobs; ++i)); do
    GTEST_TOTAL_SHARDS=$jobs GTEST_SHARD_INDEX=$i "${qemu[@]}" --gtest_filter="*-${skip#:}" > build-arm/"$folder.$i.log" 2>&1 &
    parts+=($!)
  done
  for ((i = 0; i < jobs; ++i)); do
    log=build-arm/$folder.$i.log
    wait "${parts[i]}" || { failed=1; grep -v '^\[ *\(RUN\|OK\|-*\) *\]' "$log" | tail -n 40 >&2; tail -n 1 "$log" >&2; }
    ran=$((ran + $(grep -c '^\[ RUN ' "$log" || true)))
    passed=$((passed + $(grep -c '^\[       OK ' "$log" || true)))
    skipped=$((skipped + $(grep -c '^\[  SKIPPED \].* ms)$' "$log" || true)))
  done
  [ "$ran" -gt 0 ] || failed=1
  [ $((passed + skipped)) = "$ran" ] || failed=1
  echo "$folder: of $ran tests $passed passed, $skipped were skipped, $((ran - passed - skipped)) failed (build-arm/$folder.*.log)"
  total=$((total + passed))
  return $failed
}

total=0
wrong=()
for folder in "${folders[@]}"; do
  run_tests "$folder" || wrong+=("$folder")
done
echo "$total tests passed on Arm (qemu-aarch64)"
[ ${#wrong[@]} -eq 0 ] || { echo "failed: ${wrong[*]}" >&2; exit 1; }
