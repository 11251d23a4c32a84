#include "cairn/backend/cpu/conv/product_tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/conv/product_tile.cpp"
#include "cairn/backend/cpu/simd_targets.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// Highway first.
#include "cairn/backend/cpu/conv/product_sums-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using namespace product;

// A panel of a piece, read for every tile, streams from the L2 cache on AVX-512 (two vectors in the
// time of 24 multiply-adds) and stays in the L1 cache else.
constexpr int64_t kDepth = kWide ? 512 : 256;

// Fetches, a little with each group, what the tile will need at its end and what comes after it.
template <int kHeight>
class Fetcher {
 public:
  explicit HWY_INLINE Fetcher(const ProductTile& t)
      : t_(t),
        ahead_(t.ahead),
        outputs_(t.first ? 0 : kHeight),
        outputs_a_group_(
            static_cast<int>((kHeight + t.groups - 1) / std::max<int64_t>(1, t.groups))) {}
  HWY_INLINE void operator()(int64_t group) {
#pragma GCC unroll 1
    for (int i = t_.lines_ahead; i > 0; --i, ahead_ += 16) __builtin_prefetch(ahead_, 0, 2);
    if (group >= t_.next_begin && group < t_.next_end) {
      const float* pixel = t_.next + group * t_.a_group;
#pragma GCC unroll 1
      for (int r = 0; r < kHeight; ++r, pixel += t_.a_step * kLanes)
        __builtin_prefetch(pixel, 0, 2);
    }
    for (int i = outputs_a_group_; i > 0 && outputs_ < kHeight; --i, ++outputs_)
      output(t_.y[outputs_]);
  }

 private:
  HWY_INLINE void output(const float* y) const {
    const int64_t second = t_.second ? t_.block_stride : 0;
    if (!t_.stream) __builtin_prefetch(y, 1, 3), __builtin_prefetch(y + second, 1, 3);
    if (!t_.has_residual) return;
    __builtin_prefetch(y + t_.residual, 0, 3), __builtin_prefetch(y + second + t_.residual, 0, 3);
  }
  const ProductTile& t_;
  const float* ahead_;
  int outputs_, outputs_a_group_;
};

template <int kHeight, int kStep>
HWY_NOINLINE void tile(const ProductTile& t) {
  const float* b = t.b;
  Sums<kHeight> sum;
  begin(t, sum);
  Fetcher<kHeight> fetch(t);
  const ProductTile::Run all{0, t.groups}, *run = t.runs ? t.runs : &all;
  for (int64_t done = 0; done < t.groups; ++run) {
    const float* a = t.a + run->at;
#pragma GCC unroll 1
    for (const int64_t end = done + run->groups; done < end; ++done, a += t.a_group) {
      fetch(done);
      if (!t.second) {
#pragma GCC unroll 2
        for (int64_t k = 0; k < kLanes; k += 2, b += 4 * kLanes)
          add_two_products(sum, b,
                           [=](int r, int i) HWY_ATTR { return a[r * kStep * kLanes + k + i]; });
        continue;
      }
#pragma GCC unroll 4
      for (int64_t k = 0; k < kLanes; ++k, b += 2 * kLanes)
        add_products(sum, b, [=](int r) HWY_ATTR { return a[r * kStep * kLanes + k]; });
    }
  }
  if (!t.second) join(sum);
  finish(t, sum);
}

template <int kHeight>
HWY_INLINE void tile_of_rows(const ProductTile& t) {
  if (t.rows == kHeight) return t.a_step == 1 ? tile<kHeight, 1>(t) : tile<kHeight, 2>(t);
  if constexpr (kHeight > 1) tile_of_rows<kHeight - 1>(t);
}

void multiply(const ProductTile& t) { tile_of_rows<kRows>(t); }

void gather(const float* const* pixels, int rows, int64_t plane, int64_t count, float* to) {
  const D d;
  for (int64_t i = 0; i < count; ++i)
    for (int r = 0; r < rows; ++r, to += kLanes)
      hn::StoreU(pixels[r] ? hn::LoadU(d, pixels[r] + i * plane) : hn::Zero(d), d, to);
}

void flush() { hwy::FlushStream(); }

const ProductKernels* product_table() {
  static constexpr ProductKernels table{kLanes, kRows, kDepth, multiply, gather, flush};
  return &table;
}

}  // namespace
}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {

HWY_EXPORT(product_table);

const ProductKernels& product_kernels() { return *HWY_DYNAMIC_DISPATCH(product_table)(); }

}  // namespace cairn::cpu
#endif
