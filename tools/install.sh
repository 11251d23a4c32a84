#!/usr/bin/env bash
# Installs the packages that a build needs: install.sh [tests]. Does nothing when all are there.
set -euo pipefail
packages=(g++ cmake ninja-build pkg-config ccache mold libdnnl-dev libhwy-dev libfmt-dev libcli11-dev
          nlohmann-json3-dev zlib1g-dev libpng-dev libjpeg-dev)
[ "${1:-}" = tests ] && packages+=(libgtest-dev python3)
missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing: ${missing[*]}" >&2
sudo=
if [ "$(id -u)" != 0 ]; then
  command -v sudo > /dev/null || { echo "run this as root, or install sudo: missing packages: ${missing[*]}" >&2; exit 1; }
  sudo=sudo
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
$sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
