// What GCC must be told to leave in a register (re-included per target).
#if defined(CAIRN_REGISTERS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_REGISTERS_INL_H_
#undef CAIRN_REGISTERS_INL_H_
#else
#define CAIRN_REGISTERS_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {

// Keeps a loaded vector in a register: GCC would load it again as an operand of each multiply-add,
// and the load ports would bind.
template <class V>
HWY_INLINE void keep_in_register(V& v) {
#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
  asm("" : "+v"(v.raw));
#else
  (void)v;
#endif
}

}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
