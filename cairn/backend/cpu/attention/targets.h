// Which instruction sets the kernels are compiled for: AVX2 and AVX-512 on x86 (the older ones would only
// cost compile time; what runs there is the plain baseline) and NEON on Arm. Include before foreach_target.h.
#pragma once
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif
