// Winograd's transforms of the filter: U = G g G' and, backward, dg = G' dU G, from and to both
// layouts of weights.
#if defined(CAIRN_WINOGRAD_FILTER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_WINOGRAD_FILTER_INL_H_
#undef CAIRN_WINOGRAD_FILTER_INL_H_
#else
#define CAIRN_WINOGRAD_FILTER_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "cairn/backend/cpu/winograd/plan.h"
#include "cairn/backend/cpu/winograd/product-inl.h"
#include "cairn/backend/cpu/winograd/transform-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <int kTile>
struct FilterForm;

template <>
struct FilterForm<4> {
  template <class V>
  static HWY_INLINE HWY_ATTR void filter(const V* g, V* u) {  // G g
    const V outer = times(-1.f / 6, hn::Add(g[0], g[2])), inner = times(-1.f / 6, g[1]);
    const V outer2 = plus_times(times(1.f / 6, g[2]), 1.f / 24, g[0]),
            inner2 = times(1.f / 12, g[1]);
    u[0] = times(0.25f, g[0]);
    u[1] = hn::Add(outer, inner);
    u[2] = hn::Sub(outer, inner);
    u[3] = hn::Add(outer2, inner2);
    u[4] = hn::Sub(outer2, inner2);
    u[5] = g[2];
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void gradient(const V* u, V* g) {  // G' u
    const V sum1 = hn::Add(u[1], u[2]), difference1 = hn::Sub(u[1], u[2]);
    const V sum2 = hn::Add(u[3], u[4]), difference2 = hn::Sub(u[3], u[4]);
    g[0] = plus_times(plus_times(times(0.25f, u[0]), -1.f / 6, sum1), 1.f / 24, sum2);
    g[1] = plus_times(times(1.f / 12, difference2), -1.f / 6, difference1);
    g[2] = plus_times(u[5], 1.f / 6, hn::Sub(sum2, sum1));
  }
};

template <>
struct FilterForm<2> {
  template <class V>
  static HWY_INLINE HWY_ATTR void filter(const V* g, V* u) {
    const V outer = times(0.5f, hn::Add(g[0], g[2])), inner = times(0.5f, g[1]);
    u[0] = g[0];
    u[1] = hn::Add(outer, inner);
    u[2] = hn::Sub(outer, inner);
    u[3] = g[2];
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void gradient(const V* u, V* g) {
    const V half = times(0.5f, hn::Add(u[1], u[2]));
    g[0] = hn::Add(u[0], half);
    g[1] = times(0.5f, hn::Sub(u[1], u[2]));
    g[2] = hn::Add(u[3], half);
  }
};

// Filters are handled in squares of 8 x 8 channels, whatever the vectors and the blocks.
constexpr int kSquare = 8;
using SquareTag = hn::CappedTag<float, kSquare>;
constexpr int kSquareLanes = static_cast<int>(hn::MaxLanes(SquareTag()));

// Where weight (o, i, tap, 0, 0) stands; the 9 follow kernel_stride floats apart.
struct FilterIndex {
  FilterShape shape;
  HWY_INLINE int64_t kernel_stride() const {
    return shape.layout == FilterLayout::plain ? 1 : shape.block * shape.block;
  }
  HWY_INLINE int64_t at(int64_t o, int64_t i, int64_t tap) const {
    if (shape.layout == FilterLayout::plain)
      return ((o * shape.in_channels + i) * shape.taps + tap) * 9;
    const int64_t b = shape.block, in_blocks = (shape.in_channels + b - 1) / b;
    return (((o / b * in_blocks + i / b) * shape.taps + tap) * 9 * b + i % b) * b + o % b;
  }
};

// A square of filters with the output channel of the product in the lanes: (position k, row r) at
// data + k * kernel + r * row.
struct FilterSquare {
  const float* data;
  int64_t kernel, row;
};

// The square whose first contracted channel is c, first lane l. Copies to `buffer` [9][8][8] unless
// it can be read in place.
inline FilterSquare filter_square(const FilterShape& shape, bool flip, const float* w, int64_t tap,
                                  int64_t c, int64_t l, float* buffer) {
  const FilterIndex index{shape};
  if (shape.layout == FilterLayout::blocked && !flip)
    return {w + index.at(l, c, tap), index.kernel_stride(), shape.block};
  const bool padded =
      shape.layout == FilterLayout::blocked;  // its padded lanes are there, and zero
  const int64_t rows =
      padded ? kSquare
             : std::min<int64_t>(kSquare, (flip ? shape.out_channels : shape.in_channels) - c);
  const int64_t lanes =
      padded ? kSquare
             : std::min<int64_t>(kSquare, (flip ? shape.in_channels : shape.out_channels) - l);
  const int64_t kernel = index.kernel_stride();
  if (rows < kSquare || lanes < kSquare) std::fill_n(buffer, 9 * kSquare * kSquare, 0.f);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const float* from = flip ? w + index.at(c + r, l + lane, shape.taps - 1 - tap)
                               : w + index.at(l + lane, c + r, tap);
      float* to = buffer + r * kSquare + lane;
      for (int k = 0; k < 9; ++k) to[k * kSquare * kSquare] = from[(flip ? 8 - k : k) * kernel];
    }
  return {buffer, kSquare * kSquare, kSquare};
}

// U of one panel of output channels: u [point][tap][channel][panel], planes `plane` floats apart.
template <int kTile>
HWY_NOINLINE HWY_ATTR void transform_filter_panel(const ForwardPlan& plan, const float* w,
                                                  int64_t panel, float* HWY_RESTRICT u) {
  constexpr int kPoints = kTile + 2;
  const SquareTag d;
  using V = hn::Vec<SquareTag>;
  const int64_t channels = plan.d.in_channels(), plane = plan.filter_plane;
  HWY_ALIGN float buffer[9 * kSquare * kSquare];
  for (int64_t tap = 0; tap < plan.d.taps; ++tap)
    for (int64_t c = 0; c < channels; c += kSquare)
      for (int64_t l = 0; l < kPanel; l += kSquare) {
        FilterSquare square{buffer, kSquare * kSquare, kSquare};
        if (panel * kPanel + l < plan.d.out_channels())
          square = filter_square(plan.filter, plan.flip, w, tap, c, panel * kPanel + l, buffer);
        else std::fill_n(buffer, 9 * kSquare * kSquare, 0.f);
        for (int r = 0; r < kSquare; ++r)
          for (int v = 0; v < kSquare; v += kSquareLanes) {
            const float* from = square.data + r * square.row + v;
            float* to = u + (tap * channels + c + r) * kPanel + l + v;
            V middle[kPoints][3];
#pragma GCC unroll 3
            for (int x = 0; x < 3; ++x) {
              V g[3], column[kPoints];
#pragma GCC unroll 3
              for (int y = 0; y < 3; ++y) g[y] = hn::LoadU(d, from + (y * 3 + x) * square.kernel);
              FilterForm<kTile>::filter(g, column);
#pragma GCC unroll 8
              for (int y = 0; y < kPoints; ++y) middle[y][x] = column[y];
            }
#pragma GCC unroll 8
            for (int y = 0; y < kPoints; ++y) {
              V row[kPoints];
              FilterForm<kTile>::filter(middle[y], row);
#pragma GCC unroll 8
              for (int x = 0; x < kPoints; ++x)
                hn::Store(row[x], d, to + (y * kPoints + x) * plane);
            }
          }
      }
}

// dW of input channels [c, c + count) and the output channels of a panel, from `slices` partial
// sums of dU, added in order. sums: (slice s, point p, row r) at sums + s * slice + p * plane + r *
// kPanel.
template <int kTile>
HWY_NOINLINE HWY_ATTR void filter_gradient(const BackwardWeightsPlan& plan,
                                           const float* HWY_RESTRICT sums, int64_t slices,
                                           int64_t slice, int64_t plane, int64_t tap, int64_t c,
                                           int64_t count, int64_t panel, float* HWY_RESTRICT dw) {
  constexpr int kPoints = kTile + 2;
  const SquareTag d;
  using V = hn::Vec<SquareTag>;
  const FilterIndex index{plan.filter};
  const bool plain = plan.filter.layout == FilterLayout::plain;
  const int64_t kernel = index.kernel_stride();
  for (int64_t r = 0; r < count; ++r)
    for (int64_t l = 0; l < kPanel; l += kSquareLanes) {
      const int64_t o = panel * kPanel + l, i = c + r;
      if (o >= (plain ? plan.filter.out_channels : plan.d.out_channels())) break;
      if (plain && i >= plan.filter.in_channels) break;
      const float* from = sums + r * kPanel + l;
      V middle[3][kPoints];
      for (int x = 0; x < kPoints; ++x) {
        V u[kPoints], column[3];
#pragma GCC unroll 8
        for (int y = 0; y < kPoints; ++y) {
          const float* at = from + (y * kPoints + x) * plane;
          u[y] = hn::Load(d, at);
          for (int64_t s = 1; s < slices; ++s) u[y] = hn::Add(u[y], hn::Load(d, at + s * slice));
        }
        FilterForm<kTile>::gradient(u, column);
#pragma GCC unroll 3
        for (int y = 0; y < 3; ++y) middle[y][x] = column[y];
      }
      HWY_ALIGN float lanes[9 * kSquareLanes];
      float* to = plain ? lanes : dw + index.at(o, i, tap);
      const int64_t stride = plain ? kSquareLanes : kernel;
#pragma GCC unroll 3
      for (int y = 0; y < 3; ++y) {
        V row[3];
        FilterForm<kTile>::gradient(middle[y], row);
#pragma GCC unroll 3
        for (int x = 0; x < 3; ++x) hn::StoreU(row[x], d, to + (y * 3 + x) * stride);
      }
      if (!plain) continue;
      const int64_t last = std::min<int64_t>(kSquareLanes, plan.filter.out_channels - o);
      for (int64_t lane = 0; lane < last; ++lane) {
        float* kernel_at = dw + index.at(o + lane, i, tap);
        for (int k = 0; k < 9; ++k) kernel_at[k] = lanes[k * kSquareLanes + lane];
      }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace cairn::cpu
HWY_AFTER_NAMESPACE();

#endif
