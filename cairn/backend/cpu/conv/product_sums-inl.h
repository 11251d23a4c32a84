// The sums of a tile of the product: how they begin (bias, or what earlier pieces left) and end
// (residual, relu, stores). Per-target guard: this header is read once for each instruction set.
#if defined(CAIRN_PRODUCT_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_PRODUCT_SUMS_INL_H_
#undef CAIRN_PRODUCT_SUMS_INL_H_
#else
#define CAIRN_PRODUCT_SUMS_INL_H_
#endif

#include <cmath>

#include "cairn/backend/cpu/conv/product_tile.h"
#include "cairn/backend/cpu/limits-inl.h"
#include "cairn/backend/cpu/registers-inl.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {
namespace product {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = HWY_LANES(float);
constexpr bool kWide = HWY_TARGET <= HWY_AVX3;
constexpr int kRows = kWide ? 12 : 6;  // sums fill the registers: 2 vectors a row
static_assert(kRows <= ProductTile::kMostRows);

template <int kHeight>
struct Sums {
  V first[kHeight], second[kHeight];
};

template <int kHeight>
HWY_INLINE void begin(const ProductTile& t, Sums<kHeight>& sum) {
  const D d;
  const V left = t.bias ? hn::LoadU(d, t.bias) : hn::Zero(d);
  const V right = t.bias && t.second ? hn::LoadU(d, t.bias + kLanes) : hn::Zero(d);
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) sum.first[r] = left, sum.second[r] = right;
  if (t.first) return;
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) sum.first[r] = hn::LoadU(d, t.y[r]);
  if (!t.second) return;
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) sum.second[r] = hn::LoadU(d, t.y[r] + t.block_stride);
}

// One step of the depth: `factor(r)` of each row times the panel's channels at b.
template <int kHeight, class Factor>
HWY_INLINE void add_products(Sums<kHeight>& sum, const float* b, const Factor& factor) {
  const D d;
  V left = hn::LoadU(d, b), right = hn::LoadU(d, b + kLanes);
  keep_in_register(left), keep_in_register(right);
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) {
    const V value = hn::Set(d, factor(r));
    sum.first[r] = hn::MulAdd(value, left, sum.first[r]);
    sum.second[r] = hn::MulAdd(value, right, sum.second[r]);
  }
}

// Two steps of the depth for the first block alone: the sums of the other one take every second
// step, so that each sum waits less for itself; join() adds them up.
template <int kHeight, class Factor>
HWY_INLINE void add_two_products(Sums<kHeight>& sum, const float* b, const Factor& factor) {
  const D d;
  V even = hn::LoadU(d, b), odd = hn::LoadU(d, b + 2 * kLanes);
  keep_in_register(even), keep_in_register(odd);
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) {
    sum.first[r] = hn::MulAdd(hn::Set(d, factor(r, 0)), even, sum.first[r]);
    sum.second[r] = hn::MulAdd(hn::Set(d, factor(r, 1)), odd, sum.second[r]);
  }
}
template <int kHeight>
HWY_INLINE void join(Sums<kHeight>& sum) {
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) sum.first[r] = hn::Add(sum.first[r], sum.second[r]);
}

template <bool kStream>
HWY_INLINE void put(V value, V floor, float* y) {
  const D d;
  value = limits::HWY_NAMESPACE::at_least(value, floor);
  if constexpr (kStream) hn::Stream(value, d, y);
  else hn::StoreU(value, d, y);
}

template <int kHeight, bool kStream>
HWY_INLINE void finish(const ProductTile& t, Sums<kHeight>& sum) {
  const D d;
  const V floor = hn::Set(d, t.last && t.relu ? 0.0f : -HUGE_VALF);
  if (t.first && t.has_residual) {
#pragma GCC unroll 16
    for (int r = 0; r < kHeight; ++r)
      sum.first[r] = hn::Add(sum.first[r], hn::LoadU(d, t.y[r] + t.residual));
    if (t.second) {
#pragma GCC unroll 16
      for (int r = 0; r < kHeight; ++r)
        sum.second[r] = hn::Add(sum.second[r], hn::LoadU(d, t.y[r] + t.residual + t.block_stride));
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) put<kStream>(sum.first[r], floor, t.y[r]);
  if (!t.second) return;
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) put<kStream>(sum.second[r], floor, t.y[r] + t.block_stride);
}

template <int kHeight>
HWY_INLINE void finish(const ProductTile& t, Sums<kHeight>& sum) {
  if (t.stream) finish<kHeight, true>(t, sum);
  else finish<kHeight, false>(t, sum);
}

}  // namespace product
}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
