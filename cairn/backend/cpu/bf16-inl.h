// AVX-512 BF16 for kernels that Highway compiles (re-included per target). Highway 1.0.3 has no
// target with these instructions, so inside its AVX-512 target they are written by name; whoever
// calls such a kernel asks x86_extensions().bf16 first. Elsewhere kHasBf16Code is false
// and no such kernel exists.
//
// VDPBF16PS adds two products to a sum at a time: subnormal inputs and sums count as zero, and each
// step rounds to nearest even whatever the processor's rounding mode is. Intel, "bfloat16 -
// Hardware Numerics Definition", 2018.
#if defined(CAIRN_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_BF16_INL_H_
#undef CAIRN_BF16_INL_H_
#else
#define CAIRN_BF16_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr bool kHasBf16Code = HWY_TARGET == HWY_AVX3;

#if HWY_TARGET == HWY_AVX3

using Bf16Sums = hn::Vec<hn::FixedTag<float, 16>>;
using Bf16Pairs =
    hn::Vec<hn::FixedTag<uint32_t, 16>>;  // two bf16 a lane, the first in the lower half
using Bf16Vector = hn::Vec<hn::FixedTag<uint16_t, 16>>;  // one bf16 a lane

// sum + a.first * b.first + a.second * b.second in each lane.
HWY_INLINE void add_products(Bf16Sums& sum, Bf16Pairs a, Bf16Pairs b) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
}
// Rounded to nearest even; NaN stays NaN, subnormal numbers become zero.
HWY_INLINE Bf16Vector narrowed(Bf16Sums x) {
  Bf16Vector y;
  asm("vcvtneps2bf16 %1, %0" : "=v"(y.raw) : "v"(x.raw));
  return y;
}
// Two of them, side by side.
HWY_INLINE hn::Vec<hn::FixedTag<uint16_t, 32>> narrowed(Bf16Sums first, Bf16Sums second) {
  hn::Vec<hn::FixedTag<uint16_t, 32>> y;
  asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(y.raw) : "v"(first.raw), "v"(second.raw));
  return y;
}
HWY_INLINE Bf16Sums widened(Bf16Vector x) {
  const hn::FixedTag<uint32_t, 16> d;
  return hn::BitCast(hn::FixedTag<float, 16>(), hn::ShiftLeft<16>(hn::PromoteTo(d, x)));
}
HWY_INLINE Bf16Pairs paired(Bf16Vector first, Bf16Vector second) {
  const hn::FixedTag<uint32_t, 16> d;
  return hn::Or(hn::PromoteTo(d, first), hn::ShiftLeft<16>(hn::PromoteTo(d, second)));
}

#endif

}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
