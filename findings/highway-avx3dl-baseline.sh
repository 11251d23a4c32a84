#!/usr/bin/env bash
# Highway 1.0.3 (Debian 12's libhwy-dev) does not compile for a baseline of Sapphire Rapids.
#
# Guess: a header that chooses instruction sets by itself compiles with any -march of the compiler, and the best target
#   of the program is then that baseline.
# Seen (libhwy-dev 1.0.3-3+deb12u1, g++ 12.2): with -march=sapphirerapids (likewise -march=native on a processor with AVX-512 VBMI2,
#   BITALG, VAES, VPCLMULQDQ, GFNI and VNNI) detect_targets.h takes AVX3_DL for its static target but leaves it out of the
#   dynamic ones, because it asks for a macro HWY_BASELINE that nothing defines, and stops at its own #error. With
#   -march=skylake-avx512 it compiles. Defining HWY_WANT_AVX3_DL is the way out.
#
# Installs nothing outside a temporary folder. Exit 0: as seen.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libhwy-dev=1.0.3-3+deb12u1
dpkg-deb -x libhwy-dev_*.deb hwy
echo '#include <hwy/highway.h>
int main() { return HWY_STATIC_TARGET == 0; }' > main.cpp
compiles() { g++ -std=c++17 -Ihwy/usr/include "$@" -fsyntax-only main.cpp 2> log && echo yes || { grep -o '#error.*' log | head -1 || true; }; }
skylake=$(compiles -march=skylake-avx512)
sapphire=$(compiles -march=sapphirerapids)
wanted=$(compiles -march=sapphirerapids -DHWY_WANT_AVX3_DL)
printf 'skylake-avx512: %s\nsapphirerapids: %s\nsapphirerapids, HWY_WANT_AVX3_DL: %s\n' "$skylake" "$sapphire" "$wanted"
[ "$skylake" = yes ] && [[ $sapphire == *"best baseline should be included in dynamic targets"* ]] && [ "$wanted" = yes ]
