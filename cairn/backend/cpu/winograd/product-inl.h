// The products of Winograd convolution: small matrix multiplications whose accumulators stay in
// registers. Per-target guard: this header is read once for each instruction set.
#if defined(CAIRN_WINOGRAD_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_WINOGRAD_PRODUCT_INL_H_
#undef CAIRN_WINOGRAD_PRODUCT_INL_H_
#else
#define CAIRN_WINOGRAD_PRODUCT_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Full = hn::ScalableTag<float>;
using FullVec = hn::Vec<Full>;

// Register tile: kRows x (2 vectors). 12 accumulators of 16 registers, or 16 of 32 with AVX-512.
constexpr int kLanes = static_cast<int>(hn::MaxLanes(Full()));
constexpr int kRows = kLanes >= 16 ? 8 : 6;
constexpr int kPanel = 2 * kLanes;
constexpr int kChannels =
    kLanes >= 16 ? 16 : 24;  // a group of the backward-weights product: whole vectors, whole kRows

template <int kR>
struct Accumulators {
  FullVec left[kR], right[kR];
};

template <int kR>
HWY_INLINE HWY_ATTR void clear(Accumulators<kR>& sum) {
#pragma GCC unroll 16
  for (int i = 0; i < kR; ++i) sum.left[i] = sum.right[i] = hn::Zero(Full());
}

// kSteps steps of the contraction. Step s: rows a[s * kStep + i * kRowStride] (broadcast) times the
// panel row b + s * kPanel. Every loop is unrolled so that the indices are constants and the sums
// live in registers.
template <int kR, int kSteps, int kStep, int kRowStride>
HWY_INLINE HWY_ATTR void outer_products(Accumulators<kR>& sum, const float* HWY_RESTRICT a,
                                        const float* HWY_RESTRICT b) {
  const Full d;
#pragma GCC unroll 16
  for (int s = 0; s < kSteps; ++s) {
    const FullVec left = hn::Load(d, b + s * kPanel), right = hn::Load(d, b + s * kPanel + kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kR; ++i) {
      const FullVec x = hn::Set(d, a[s * kStep + i * kRowStride]);
      sum.left[i] = hn::MulAdd(x, left, sum.left[i]);
      sum.right[i] = hn::MulAdd(x, right, sum.right[i]);
    }
  }
}

template <int kR>
HWY_INLINE HWY_ATTR void store(const Accumulators<kR>& sum, float* HWY_RESTRICT out) {
  const Full d;
#pragma GCC unroll 16
  for (int i = 0; i < kR; ++i) {
    hn::Store(sum.left[i], d, out + i * kPanel);
    hn::Store(sum.right[i], d, out + i * kPanel + kLanes);
  }
}

// Memory that will be read soon: so many cache lines are fetched into the L2 cache with each group.
struct FetchAhead {
  const float* from = nullptr;
  int64_t lines = 0;
};

// out[kR][kPanel] = sum over taps and channels of a * b.
// a: [channels / kGroup][kRows][kGroup] for each tap, tap_stride floats apart; b:
// [taps][channels][kPanel].
template <int kR, int kGroup>
HWY_NOINLINE HWY_ATTR void multiply_tiles(int64_t taps, int64_t tap_stride, int64_t groups,
                                          const float* HWY_RESTRICT a, const float* HWY_RESTRICT b,
                                          float* HWY_RESTRICT out, FetchAhead ahead) {
  Accumulators<kR> sum;
  clear(sum);
  for (int64_t tap = 0; tap < taps; ++tap, a += tap_stride) {
    const float* HWY_RESTRICT row = a;
    for (int64_t g = 0; g < groups; ++g, row += kRows * kGroup, b += kGroup * kPanel) {
#pragma GCC unroll 1
      for (int64_t i = ahead.lines; i > 0; --i, ahead.from += 16)
        __builtin_prefetch(ahead.from, 0, 2);
      outer_products<kR, kGroup, 1, kGroup>(sum, row, b);
    }
  }
  store(sum, out);
}

// out[kR][kPanel] (+)= sum over `runs` runs of `length` tiles of a[tile][i] * b[tile][:].
// a: [length][kGroup], b: [length][kPanel]; the next run begins a_stride, b_stride floats on.
template <int kR, int kGroup>
HWY_NOINLINE HWY_ATTR void multiply_channels(int64_t runs, int64_t length,
                                             const float* HWY_RESTRICT a, int64_t a_stride,
                                             const float* HWY_RESTRICT b, int64_t b_stride,
                                             float* HWY_RESTRICT out, bool accumulate) {
  const Full d;
  Accumulators<kR> sum;
  clear(sum);
  if (accumulate) {
#pragma GCC unroll 16
    for (int i = 0; i < kR; ++i) {
      sum.left[i] = hn::Load(d, out + i * kPanel);
      sum.right[i] = hn::Load(d, out + i * kPanel + kLanes);
    }
  }
  for (int64_t run = 0; run < runs; ++run, a += a_stride, b += b_stride) {
    const float *HWY_RESTRICT row = a, *HWY_RESTRICT panel = b;
    int64_t left = length;
    for (; left >= 4; left -= 4, row += 4 * kGroup, panel += 4 * kPanel)
      outer_products<kR, 4, kGroup, 1>(sum, row, panel);
    for (; left > 0; --left, row += kGroup, panel += kPanel)
      outer_products<kR, 1, kGroup, 1>(sum, row, panel);
  }
  store(sum, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace cairn::cpu
HWY_AFTER_NAMESPACE();

#endif
