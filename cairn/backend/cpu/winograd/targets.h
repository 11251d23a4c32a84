// The instruction sets that Winograd's kernels are built for: AVX2, AVX-512 and the compiler's
// baseline. Included before Highway.
#pragma once
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#endif
