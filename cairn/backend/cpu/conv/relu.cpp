#include "cairn/backend/cpu/conv/relu.h"

#include "cairn/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/conv/relu.cpp"
#include "cairn/backend/cpu/simd_targets.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "cairn/backend/cpu/limits-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T, class Relu>
void relu_all(T* y, int64_t count, Relu relu) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(relu(d, hn::LoadU(d, y + i)), d, y + i);
  const hn::CappedTag<T, 1> one;
  for (; i < count; ++i) hn::StoreU(relu(one, hn::LoadU(one, y + i)), one, y + i);
}

void relu_f32(float* y, int64_t count) {
  relu_all(y, count,
           [](auto d, auto v) HWY_ATTR { return limits::HWY_NAMESPACE::at_least(v, hn::Zero(d)); });
}
void relu_bf16(int16_t* y, int64_t count) {
  // As whole numbers: -0 to -infinity are the smallest, negative NaN the ones from -127 to -1.
  relu_all(y, count, [](auto d, auto v) HWY_ATTR {
    return hn::IfThenZeroElse(hn::Lt(v, hn::Set(d, int16_t{-127})), v);
  });
}

}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {

HWY_EXPORT(relu_f32);
HWY_EXPORT(relu_bf16);

void relu_in_place(DType dtype, void* y, int64_t bytes) {
  constexpr int64_t kGrain = 1 << 12;  // elements: threads find what they wrote in their own caches
  if (dtype == DType::bf16) {
    auto* values = static_cast<int16_t*>(y);
    return parallel_for(bytes / 2, kGrain, [&](int64_t begin, int64_t end) {
      HWY_DYNAMIC_DISPATCH(relu_bf16)(values + begin, end - begin);
    });
  }
  auto* values = static_cast<float*>(y);
  parallel_for(bytes / 4, kGrain, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(relu_f32)(values + begin, end - begin);
  });
}

}  // namespace cairn::cpu
#endif
