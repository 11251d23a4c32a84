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
#include "cairn/base/round.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The filter's side of a form: kTaps values to and from kPoints.
template <class F>
struct FilterForm;

template <>
struct FilterForm<F4x3> {
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
struct FilterForm<F2x3> {
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

template <>
struct FilterForm<F4x2> {  // F(4, 3)'s with g[2] = 0, without the point -2
  template <class V>
  static HWY_INLINE HWY_ATTR void filter(const V* g, V* u) {
    const V outer = times(-1.f / 6, g[0]), inner = times(-1.f / 6, g[1]);
    u[0] = times(0.25f, g[0]);
    u[1] = hn::Add(outer, inner);
    u[2] = hn::Sub(outer, inner);
    u[3] = plus_times(times(1.f / 24, g[0]), 1.f / 12, g[1]);
    u[4] = g[1];
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void gradient(const V* u, V* g) {
    const V sum = hn::Add(u[1], u[2]), difference = hn::Sub(u[1], u[2]);
    g[0] = plus_times(plus_times(times(0.25f, u[0]), -1.f / 6, sum), 1.f / 24, u[3]);
    g[1] = plus_times(plus_times(u[4], 1.f / 12, u[3]), -1.f / 6, difference);
  }
};

// Filters are handled in squares of 8 x 8 channels, whatever the vectors and the blocks.
constexpr int kSquare = 8;
using SquareTag = hn::CappedTag<float, kSquare>;
constexpr int kSquareLanes = static_cast<int>(hn::MaxLanes(SquareTag()));

// Where weight (o, i, tap, 0, 0) stands; the others of its kernel follow kernel_stride floats
// apart.
struct FilterIndex {
  FilterShape shape;
  HWY_INLINE int64_t kernel_stride() const {
    return shape.layout == FilterLayout::plain ? 1 : shape.block * shape.block;
  }
  HWY_INLINE int64_t at(int64_t o, int64_t i, int64_t tap) const {
    const int64_t size = shape.positions();
    if (shape.layout == FilterLayout::plain)
      return ((o * shape.in_channels + i) * shape.taps + tap) * size;
    const int64_t b = shape.block, in_blocks = ceil_div(shape.in_channels, b);
    return (((o / b * in_blocks + i / b) * shape.taps + tap) * size * b + i % b) * b + o % b;
  }
};

// Which of a kernel's weights a phase (row, column) takes: all 9 of 3x3, every second of 4x4.
struct KernelPhase {
  int64_t size, row, column;
  KernelPhase(const FilterShape& shape, int64_t phase)
      : size(shape.size), row(phase / 2), column(phase % 2) {}
  HWY_INLINE int64_t step() const { return size == 4 ? 2 : 1; }
  HWY_INLINE int64_t taps() const { return size / step(); }
  HWY_INLINE int64_t at(int64_t y, int64_t x) const {
    return (y * step() + row) * size + x * step() + column;
  }
  HWY_INLINE int64_t turned(int64_t y, int64_t x) const {
    return at(taps() - 1 - y, taps() - 1 - x);
  }
};

// A square of filters with the output channel of the product in the lanes: tap (y, x), row r at
// data + y * y_stride + x * x_stride + r * row.
struct FilterSquare {
  const float* data;
  int64_t y_stride, x_stride, row;
};
constexpr int64_t kSquareSize = kSquare * kSquare;
// A square of kernels is copied to [taps * taps][8][8].
constexpr int kMostWeights = 16;
HWY_INLINE FilterSquare copied_square(const float* buffer, int64_t taps) {
  return {buffer, taps * kSquareSize, kSquareSize, kSquare};
}

// to[j][i] = from[i][j], 8 x 8.
HWY_INLINE HWY_ATTR void transpose(const float* from, int64_t from_row, float* to, int64_t to_row) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  const SquareTag d;
  const hn::Repartition<double, SquareTag> pairs;
  using V = hn::Vec<SquareTag>;
  V quarter[kSquare];  // 4 x 4 transposes within each half of the vectors
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const float* at = from + 4 * half * from_row;
    const V a = hn::LoadU(d, at), b = hn::LoadU(d, at + from_row);
    const V e = hn::LoadU(d, at + 2 * from_row), f = hn::LoadU(d, at + 3 * from_row);
    const auto ab = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));
    const auto ef = hn::BitCast(pairs, hn::InterleaveLower(d, e, f));
    const auto ab2 = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
    const auto ef2 = hn::BitCast(pairs, hn::InterleaveUpper(d, e, f));
    quarter[4 * half] = hn::BitCast(d, hn::InterleaveLower(pairs, ab, ef));
    quarter[4 * half + 1] = hn::BitCast(d, hn::InterleaveUpper(pairs, ab, ef));
    quarter[4 * half + 2] = hn::BitCast(d, hn::InterleaveLower(pairs, ab2, ef2));
    quarter[4 * half + 3] = hn::BitCast(d, hn::InterleaveUpper(pairs, ab2, ef2));
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    hn::StoreU(hn::ConcatLowerLower(d, quarter[j + 4], quarter[j]), d, to + j * to_row);
    hn::StoreU(hn::ConcatUpperUpper(d, quarter[j + 4], quarter[j]), d, to + (j + 4) * to_row);
  }
#else
  for (int i = 0; i < kSquare; ++i)
    for (int j = 0; j < kSquare; ++j) to[j * to_row + i] = from[i * from_row + j];
#endif
}

// Where a square of filters comes from: a phase of a tap over depth, first contracted channel c,
// first lane l. Backward data (flip) contracts output channels and turns the kernel.
struct SquarePlace {
  int64_t tap, phase, c, l;
};

// Squares of plain weights that stick out of the channels there are: one by one, zeros beyond.
inline void copy_edge_square(const FilterShape& shape, bool flip, const float* w,
                             const SquarePlace& place, float* HWY_RESTRICT buffer) {
  const FilterIndex index{shape};
  const KernelPhase phase(shape, place.phase);
  std::fill_n(buffer, phase.taps() * phase.taps() * kSquareSize, 0.f);
  const int64_t o = flip ? place.c : place.l, i = flip ? place.l : place.c;
  const int64_t outs = std::min<int64_t>(kSquare, shape.out_channels - o);
  const int64_t ins = std::min<int64_t>(kSquare, shape.in_channels - i);
  for (int64_t a = 0; a < outs; ++a)
    for (int64_t b = 0; b < ins; ++b) {
      const float* from = w + index.at(o + a, i + b, place.tap);
      float* to = buffer + (flip ? a * kSquare + b : b * kSquare + a);
      for (int64_t y = 0; y < phase.taps(); ++y)
        for (int64_t x = 0; x < phase.taps(); ++x, to += kSquareSize)
          *to = from[flip ? phase.turned(y, x) : phase.at(y, x)];
    }
}

// The square at `place`, read in place or copied to `buffer`.
HWY_INLINE HWY_ATTR FilterSquare filter_square(const FilterShape& shape, bool flip, const float* w,
                                               SquarePlace place, float* HWY_RESTRICT buffer) {
  const FilterIndex index{shape};
  const KernelPhase phase(shape, place.phase);
  const int64_t taps = phase.taps(), positions = shape.positions();
  const int64_t o = flip ? place.c : place.l, i = flip ? place.l : place.c;
  if (flip) place.tap = shape.taps - 1 - place.tap;
  if (shape.layout == FilterLayout::blocked) {
    const float* from = w + index.at(o, i, place.tap);
    const int64_t kernel = index.kernel_stride();
    if (!flip)
      return {from + phase.at(0, 0) * kernel, phase.step() * phase.size * kernel,
              phase.step() * kernel, shape.block};
    for (int64_t k = 0; k < taps * taps; ++k)
      transpose(from + phase.turned(k / taps, k % taps) * kernel, shape.block,
                buffer + k * kSquareSize, kSquare);
    return copied_square(buffer, taps);
  }
  if (o + kSquare > shape.out_channels || i + kSquare > shape.in_channels) {
    copy_edge_square(shape, flip, w, place, buffer);
    return copied_square(buffer, taps);
  }
  // 8 weights of a kernel at a time, from [o] rows of kernels to [i][position] rows of o.
  HWY_ALIGN float kernels[kMostWeights * kSquareSize];
  float* by_kernel = flip ? kernels : buffer;
  const int64_t out = index.at(1, 0, 0);
  for (int64_t b = 0; b < kSquare; ++b) {
    const float* from = w + index.at(o, i + b, place.tap);
    int64_t k = 0;
    for (; k + kSquare <= positions; k += kSquare)
      transpose(from + k, out, by_kernel + (b * positions + k) * kSquare, kSquare);
    for (; k < positions; ++k)
      for (int64_t a = 0; a < kSquare; ++a)
        by_kernel[(b * positions + k) * kSquare + a] = from[a * out + k];
  }
  if (!flip)
    return {buffer + phase.at(0, 0) * kSquare, phase.step() * phase.size * kSquare,
            phase.step() * kSquare, positions * kSquare};
  for (int64_t k = 0; k < taps * taps; ++k)
    transpose(kernels + phase.turned(k / taps, k % taps) * kSquare, positions * kSquare,
              buffer + k * kSquareSize, kSquare);
  return copied_square(buffer, taps);
}

// Starts to fetch a square of blocked weights.
HWY_INLINE HWY_ATTR void prefetch_square(const FilterShape& shape, bool flip, const float* w,
                                         const SquarePlace& place) {
  if (shape.layout == FilterLayout::plain) return;
  const FilterIndex index{shape};
  const float* at = flip ? w + index.at(place.c, place.l, shape.taps - 1 - place.tap)
                         : w + index.at(place.l, place.c, place.tap);
  const KernelPhase phase(shape, place.phase);
  const int64_t taps = phase.taps();
  for (int64_t k = 0; k < taps * taps; ++k)
    for (int64_t r = 0; r < kSquare; r += 16 / shape.block)
      hwy::Prefetch(at + phase.at(k / taps, k % taps) * index.kernel_stride() + r * shape.block);
}

// Lanes of a square that a panel takes: all, but in the scalar build, whose panels are narrower.
constexpr int kTaken = kPanel < kSquare ? kPanel : kSquare;

// U of one square: u [point][8 rows][kPanel].
template <class F>
HWY_INLINE HWY_ATTR void transform_square(const FilterSquare& square, float* HWY_RESTRICT u,
                                          int64_t plane) {
  constexpr int kPoints = F::kPoints, kTaps = F::kTaps;
  const SquareTag d;
  using V = hn::Vec<SquareTag>;
  for (int r = 0; r < kSquare; ++r)
    for (int v = 0; v < kTaken; v += kSquareLanes) {
      const float* from = square.data + r * square.row + v;
      float* to = u + r * kPanel + v;
      V middle[kPoints][kTaps];
#pragma GCC unroll 3
      for (int x = 0; x < kTaps; ++x) {
        V g[kTaps], column[kPoints];
#pragma GCC unroll 3
        for (int y = 0; y < kTaps; ++y)
          g[y] = hn::LoadU(d, from + y * square.y_stride + x * square.x_stride);
        FilterForm<F>::filter(g, column);
#pragma GCC unroll 8
        for (int y = 0; y < kPoints; ++y) middle[y][x] = column[y];
      }
#pragma GCC unroll 8
      for (int y = 0; y < kPoints; ++y) {
        V row[kPoints];
        FilterForm<F>::filter(middle[y], row);
#pragma GCC unroll 8
        for (int x = 0; x < kPoints; ++x) hn::Store(row[x], d, to + (y * kPoints + x) * plane);
      }
    }
}

// U of one panel of output channels (of a phase of the output): u [point][tap][channel][kPanel].
template <class F>
HWY_NOINLINE HWY_ATTR void transform_filter_panel(const ForwardPlan& plan, const float* w,
                                                  int64_t panel, float* HWY_RESTRICT u) {
  const int64_t channels = plan.d.in_channels(), contracted = plan.d.contracted();
  const int64_t out_phase = panel / plan.panels, first = panel % plan.panels * kPanel;
  HWY_ALIGN float buffer[kMostWeights * kSquareSize];
  for (int64_t tap = 0; tap < plan.d.taps; ++tap)
    for (int64_t c = 0; c < contracted; c += kSquare)
      for (int64_t l = 0; l < kPanel; l += kTaken) {
        float* to = u + (tap * contracted + c) * kPanel + l;
        const int64_t lane = (first + l) % kSquare;
        SquarePlace place{tap, out_phase + c / channels, c % channels, first + l - lane};
        if (first + l >= plan.d.out_channels()) {
          std::fill_n(buffer, F::kTaps * F::kTaps * kSquareSize, 0.f);
          transform_square<F>(copied_square(buffer, F::kTaps), to, plan.filter_plane);
          continue;
        }
        FilterSquare square = filter_square(plan.filter, plan.flip, w, place, buffer);
        square.data += lane;
        place.c += kSquare;
        if (place.c < channels) prefetch_square(plan.filter, plan.flip, w, place);
        transform_square<F>(square, to, plan.filter_plane);
      }
}

// dW of contracted channels [c, c + count) and the output channels of a panel, from `slices`
// partial sums of dU, added in order. sums: (slice s, point p, row r) at
// sums + s * slice + p * plane + r * kPanel.
template <class F>
HWY_NOINLINE HWY_ATTR void filter_gradient(const BackwardWeightsPlan& plan,
                                           const float* HWY_RESTRICT sums, int64_t slices,
                                           int64_t slice, int64_t tap, int64_t c, int64_t count,
                                           int64_t panel, float* HWY_RESTRICT dw) {
  constexpr int kPoints = F::kPoints, kTaps = F::kTaps;
  const SquareTag d;
  using V = hn::Vec<SquareTag>;
  const FilterIndex index{plan.filter};
  const bool plain = plan.filter.layout == FilterLayout::plain;
  const int64_t channels = plan.d.in_channels();
  for (int64_t r = 0; r < count; ++r)
    for (int64_t l = 0; l < kPanel; l += kSquareLanes) {
      const int64_t o = panel * kPanel + l, i = (c + r) % channels;
      const KernelPhase phase(plan.filter, (c + r) / channels);
      if (o >= (plain ? plan.filter.out_channels : plan.d.out_channels())) break;
      if (plain && i >= plan.filter.in_channels) break;
      const float* from = sums + r * kPanel + l;
      V middle[kTaps][kPoints];
      for (int x = 0; x < kPoints; ++x) {
        V u[kPoints], column[kTaps];
#pragma GCC unroll 8
        for (int y = 0; y < kPoints; ++y) {
          const float* at = from + (y * kPoints + x) * plan.sum_plane;
          u[y] = hn::Load(d, at);
          for (int64_t s = 1; s < slices; ++s) u[y] = hn::Add(u[y], hn::Load(d, at + s * slice));
        }
        FilterForm<F>::gradient(u, column);
#pragma GCC unroll 3
        for (int y = 0; y < kTaps; ++y) middle[y][x] = column[y];
      }
      HWY_ALIGN float lanes[kMostWeights * kSquareLanes];
      float* to = plain ? lanes : dw + index.at(o, i, tap);
      const int64_t stride = plain ? kSquareLanes : index.kernel_stride();
      const int64_t last =
          plain ? std::min<int64_t>(kSquareLanes, plan.filter.out_channels - o) : 0;
      for (int y = 0; y < kTaps; ++y) {
        V row[kTaps];
        FilterForm<F>::gradient(middle[y], row);
        for (int x = 0; x < kTaps; ++x) {
          const int64_t position = phase.at(y, x);
          hn::StoreU(row[x], d, to + position * stride);
          for (int64_t lane = 0; lane < last; ++lane)
            dw[index.at(o + lane, i, tap) + position] = lanes[position * kSquareLanes + lane];
        }
      }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace cairn::cpu
HWY_AFTER_NAMESPACE();

#endif
