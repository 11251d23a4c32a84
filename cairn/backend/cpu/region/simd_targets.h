// Which instruction sets Cairn's kernels are compiled for: AVX2, AVX-512 and the plain baseline.
// Include before hwy/foreach_target.h.
#pragma once
#include <hwy/detect_targets.h>

#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
