// Limits that a NaN passes: it comes out of a kernel as it went in. (Included once a target; see
// Highway's notes on -inl.h headers.)
#if defined(CAIRN_LIMITS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_LIMITS_INL_H_
#undef CAIRN_LIMITS_INL_H_
#else
#define CAIRN_LIMITS_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::limits::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// x86's maximum and minimum are their second operand where one is NaN; NEON's are the other number,
// and elsewhere they are as the compiler likes.
inline constexpr bool kSecondOfNan = HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128;

// The larger and the smaller of x and the bound; x where x is NaN or as large.
template <class V>
HWY_INLINE V at_least(V x, V bound) {
  if constexpr (kSecondOfNan) return hn::Max(bound, x);
  return hn::IfThenElse(hn::Lt(x, bound), bound, x);
}
template <class V>
HWY_INLINE V at_most(V x, V bound) {
  if constexpr (kSecondOfNan) return hn::Min(bound, x);
  return hn::IfThenElse(hn::Gt(x, bound), bound, x);
}

}  // namespace cairn::cpu::limits::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
