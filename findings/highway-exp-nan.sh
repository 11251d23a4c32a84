#!/usr/bin/env bash
# Highway 1.0.3: vector Exp and Log (hwy/contrib/math) make numbers of NaN, and Log of infinity.
#
# Guess: a vector exponential or logarithm passes NaN on, and gives infinity where the scalar function does.
# Seen (libhwy-dev 1.0.3-3+deb12u1, g++ 12.2, AVX2): the values at the end. Exp(NaN) is 0, so a
#   softmax, a gate or a loss that is computed with it goes on with a finite number where its input was lost.
#
# Installs nothing outside a temporary folder. Exit 0: as seen.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get download -qq libhwy-dev=1.0.3-3+deb12u1 2> /dev/null
dpkg-deb -x libhwy-dev_*.deb hwy
cat > main.cpp <<'C'
#define HWY_COMPILE_ONLY_STATIC
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
#include <cmath>
#include <cstdio>
namespace hn = hwy::HWY_NAMESPACE;
int main() {
  const hn::CappedTag<float, 1> d;
  for (float x : {NAN, INFINITY, -INFINITY})
    std::printf("%g: Exp %g (std %g), Log %g (std %g)\n", x, hn::GetLane(hn::Exp(d, hn::Set(d, x))), std::exp(x),
                hn::GetLane(hn::Log(d, hn::Set(d, x))), std::log(x));
}
C
g++ -std=c++17 -O1 -mavx2 -mfma -mbmi -mbmi2 -mf16c -mlzcnt -mpclmul -maes -Ihwy/usr/include main.cpp -o main 2> log || { cat log; exit 1; }
./main | tee seen
cat > expected <<'T'
nan: Exp 0 (std nan), Log 89.1283 (std nan)
inf: Exp inf (std inf), Log 88.7228 (std inf)
-inf: Exp 0 (std 0), Log 248.84 (std -nan)
T
cmp seen expected
