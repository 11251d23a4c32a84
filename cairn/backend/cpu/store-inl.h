// Stores of some lanes that leave what lies behind them alone. (Included once a target; see
// Highway's notes on -inl.h headers.)
#if defined(CAIRN_STORE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_STORE_INL_H_
#undef CAIRN_STORE_INL_H_
#else
#define CAIRN_STORE_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::stores::HWY_NAMESPACE {

// The lanes of `mask`, which are the first ones. Without masked stores Highway's BlendedStore reads
// the other lanes and writes them back: over what another thread, whose part begins there, wrote in
// between.
template <class D>
HWY_INLINE void store_first(hwy::HWY_NAMESPACE::Vec<D> v, hwy::HWY_NAMESPACE::Mask<D> mask, D d,
                            hwy::HWY_NAMESPACE::TFromD<D>* to) {
  namespace hn = hwy::HWY_NAMESPACE;
  if constexpr (HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128) return hn::BlendedStore(v, mask, d, to);
  HWY_ALIGN hn::TFromD<D> lanes[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];
  hn::Store(v, d, lanes);
  const size_t count = hn::CountTrue(d, mask);
  for (size_t i = 0; i < count; ++i) to[i] = lanes[i];
}

}  // namespace cairn::cpu::stores::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
