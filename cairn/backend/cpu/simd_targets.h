// Which instruction sets Cairn's kernels are compiled for: AVX2 and AVX-512 on x86 (older ones
// would only cost compile time; what runs there is the plain baseline), NEON on Arm. Include before
// hwy/foreach_target.h.
#pragma once

// For a build with -march=native on a processor that has AVX3_DL's extensions and AVX-VNNI
// (Sapphire Rapids, Zen 5): Highway 1.0.3 takes AVX3_DL for its baseline there, but among its
// targets only where it is asked for, and stops at that.
#ifndef HWY_WANT_AVX3_DL
#define HWY_WANT_AVX3_DL
#endif
#include <hwy/detect_targets.h>

#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
