// Walks over the numbers of a row, a vector at a time. (Included once a target; see Highway's notes
// on -inl.h headers.)
#if defined(CAIRN_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_ROW_INL_H_
#undef CAIRN_ROW_INL_H_
#else
#define CAIRN_ROW_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "cairn/backend/cpu/store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::rows::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls step(values) for every vector of x[0 .. count); the last one padded with `padding`.
template <class Step>
HWY_INLINE void for_each_vector(const float* x, int64_t count, float padding, Step step) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) step(hn::LoadU(d, x + i));
  if (i == count) return;
  const auto mask = hn::FirstN(d, static_cast<size_t>(count - i));
  step(hn::IfThenElse(mask, hn::MaskedLoad(mask, d, x + i), hn::Set(d, padding)));
}

// y[i] = step(x[i]) for the same vectors; y may be x.
template <class Step>
HWY_INLINE void map_vectors(const float* x, int64_t count, float* y, Step step) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(step(hn::LoadU(d, x + i)), d, y + i);
  if (i == count) return;
  const auto mask = hn::FirstN(d, static_cast<size_t>(count - i));
  stores::HWY_NAMESPACE::store_first(step(hn::MaskedLoad(mask, d, x + i)), mask, d, y + i);
}

}  // namespace cairn::cpu::rows::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
