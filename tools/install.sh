#!/usr/bin/env bash
# Installs the packages that a build needs: install.sh [tests], or, for another processor's build, install.sh arm. Does nothing when all are
# there.
set -euo pipefail
packages=(g++ cmake ninja-build pkg-config ccache mold libdnnl-dev libhwy-dev libfmt-dev libcli11-dev
          nlohmann-json3-dev libhowardhinnant-date-dev zlib1g-dev libpng-dev libjpeg-dev libwebp-dev libtiff-dev libgif-dev
          libicu-dev libpcre2-dev libpugixml-dev libcpp-httplib-dev
          libavformat-dev libswscale-dev libsndfile1-dev libsoxr-dev libkissfft-dev liblapack3
          libsentencepiece-dev)
packages+=(libprotobuf-dev protobuf-compiler)
optional=()  # installed where the system has them
[ "${1:-}" = tests ] && packages+=(libgtest-dev python3 libopenmpi-dev openmpi-bin pybind11-dev python3-dev python3-numpy) && optional+=(clang-format-14)
[ "${1:-}" = arm ] && packages=(cmake ninja-build pkg-config ccache protobuf-compiler g++-aarch64-linux-gnu qemu-user) && optional=()
installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }
available() { apt-cache show "$1" > /dev/null 2>&1; }
find_missing() {
  missing=()
  for p in "${packages[@]}"; do installed "$p" || missing+=("$p"); done
  for p in "${optional[@]}"; do installed "$p" || ! available "$p" || missing+=("$p"); done
}
find_missing
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing: ${missing[*]}" >&2
sudo=
if [ "$(id -u)" != 0 ]; then
  command -v sudo > /dev/null || { echo "run this as root, or install sudo: missing packages: ${missing[*]}" >&2; exit 1; }
  sudo=sudo
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
find_missing  # now that what is available is known
$sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
