#include "cairn/backend/cpu/conv/depthwise.h"

#include <algorithm>
#include <cmath>

#include "cairn/backend/cpu/team.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/conv/depthwise.cpp"
#include "cairn/backend/cpu/simd_targets.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "cairn/backend/cpu/limits-inl.h"
#include "hwy/highway.h"

#ifndef CAIRN_DEPTHWISE_TILE_  // once, not once for each instruction set
#define CAIRN_DEPTHWISE_TILE_
namespace cairn::cpu::depthwise {

// Pixels of a line that meet the same taps.
struct Line {
  const float* x;
  int64_t x_step;          // floats from one pixel to the next
  const int64_t* offsets;  // of each tap: floats from x,
  const int64_t* weights;  // floats from w
  const float* w;
  int64_t taps, pixels;
  float* y;
  int64_t y_step;
  const float* bias;  // or null
  int64_t residual;   // floats from y, where has_residual
  bool has_residual, relu;
};

// Sums over pixels of y by x, under some taps that follow each other.
struct Sums {
  const float *x, *y;
  int64_t x_step, tap_step, pixels;
  float* sums;  // added to: a vector each
  int taps;     // up to kMostSums
};
constexpr int kMostSums = 7;

struct Kernels {
  int64_t lanes;
  void (*line)(const Line&);
  void (*sum)(const Sums&);
};

}  // namespace cairn::cpu::depthwise
#endif

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::depthwise::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = HWY_LANES(float);
constexpr int64_t kPixels = 8;

template <int64_t kCount>
HWY_INLINE void pixels(const Line& t, int64_t first) {
  const D d;
  V sum[kCount];
  const V bias = t.bias ? hn::LoadU(d, t.bias) : hn::Zero(d);
#pragma GCC unroll 16
  for (int64_t p = 0; p < kCount; ++p) sum[p] = bias;
  const float* x = t.x + first * t.x_step;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const V weight = hn::LoadU(d, t.w + t.weights[tap]);
    const float* at = x + t.offsets[tap];
#pragma GCC unroll 16
    for (int64_t p = 0; p < kCount; ++p, at += t.x_step)
      sum[p] = hn::MulAdd(hn::LoadU(d, at), weight, sum[p]);
  }
  const V floor = hn::Set(d, t.relu ? 0.0f : -HUGE_VALF);
  float* y = t.y + first * t.y_step;
#pragma GCC unroll 16
  for (int64_t p = 0; p < kCount; ++p, y += t.y_step) {
    if (t.has_residual) sum[p] = hn::Add(sum[p], hn::LoadU(d, y + t.residual));
    hn::StoreU(limits::HWY_NAMESPACE::at_least(sum[p], floor), d, y);
  }
}

void line(const Line& t) {
  int64_t p = 0;
  for (; p + kPixels <= t.pixels; p += kPixels) pixels<kPixels>(t, p);
  for (; p < t.pixels; ++p) pixels<1>(t, p);
}

template <int kTaps>
HWY_INLINE void sum_taps(const Sums& t) {
  const D d;
  V sum[kTaps];
#pragma GCC unroll 16
  for (int k = 0; k < kTaps; ++k) sum[k] = hn::LoadU(d, t.sums + k * kLanes);
  const float *x = t.x, *y = t.y;
  for (int64_t p = 0; p < t.pixels; ++p, x += t.x_step, y += kLanes) {
    const V factor = hn::LoadU(d, y);
#pragma GCC unroll 16
    for (int k = 0; k < kTaps; ++k)
      sum[k] = hn::MulAdd(hn::LoadU(d, x + k * t.tap_step), factor, sum[k]);
  }
#pragma GCC unroll 16
  for (int k = 0; k < kTaps; ++k) hn::StoreU(sum[k], d, t.sums + k * kLanes);
}

template <int kTaps>
HWY_INLINE void sum_some(const Sums& t) {
  if (t.taps == kTaps) return sum_taps<kTaps>(t);
  if constexpr (kTaps > 1) sum_some<kTaps - 1>(t);
}
void sum(const Sums& t) { sum_some<kMostSums>(t); }

const Kernels* depthwise_table() {
  static constexpr Kernels table{kLanes, line, sum};
  return &table;
}

}  // namespace
}  // namespace cairn::cpu::depthwise::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {
namespace depthwise {

HWY_EXPORT(depthwise_table);

const Kernels& kernels() { return *HWY_DYNAMIC_DISPATCH(depthwise_table)(); }

// Outputs [begin, end) at which a tap of dimension d meets the image.
struct Range {
  int64_t begin, end;
};
Range inside(const ConvGeometry& g, int d, int64_t tap) {
  const int64_t shift = g.pad[d] - tap * g.dilation[d], step = g.stride[d];
  const int64_t begin = shift <= 0 ? 0 : ceil_div(shift, step), end = g.in[d] - 1 + shift;
  return {std::min(begin, g.out[d]), end < 0 ? 0 : std::min(end / step + 1, g.out[d])};
}

}  // namespace depthwise

using namespace depthwise;

// The pixels of one image's block of channels, for a phase.
class DepthwiseWorker {
 public:
  DepthwiseWorker(const ConvGeometry& g, const float* w, const float* bias, int64_t residual,
                  bool has_residual, bool relu)
      : g_(g) {
    line_.x_step = g.stride[2] * kernels().lanes;
    line_.y_step = g.out_step[2] * kernels().lanes;
    line_.w = w, line_.bias = bias, line_.residual = residual;
    line_.has_residual = has_residual, line_.relu = relu;
    line_.offsets = offsets_, line_.weights = weights_;
  }

  void run(const float* x, float* y) {
    const int64_t lanes = kernels().lanes;
    for (int64_t z = 0; z < g_.out[0]; ++z)
      for (int64_t row = 0; row < g_.out[1]; ++row) {
        const ConvGeometry::Sizes size = g_.whole() ? g_.out : g_.out_size;
        float* to = y + (((z * g_.out_step[0] + g_.out_first[0]) * size[1] + row * g_.out_step[1] +
                          g_.out_first[1]) *
                             size[2] +
                         g_.out_first[2]) *
                            lanes;
        // Columns that all taps meet together, the others one by one.
        Range all{0, g_.out[2]};
        for (int64_t k = 0; k < g_.kernel[2]; ++k) {
          const Range r = inside(g_, 2, k);
          all = {std::max(all.begin, r.begin), std::min(all.end, r.end)};
        }
        if (all.end <= all.begin) all = {g_.out[2], g_.out[2]};
        for (int64_t c = 0; c < all.begin; ++c) columns(x, to, z, row, c, 1);
        if (all.begin < all.end) columns(x, to, z, row, all.begin, all.end - all.begin);
        for (int64_t c = all.end; c < g_.out[2]; ++c) columns(x, to, z, row, c, 1);
      }
  }

 private:
  void columns(const float* x, float* y, int64_t z, int64_t row, int64_t first, int64_t count) {
    const int64_t lanes = kernels().lanes;
    int64_t taps = 0, tap = 0;
    for (int64_t a = 0; a < g_.kernel[0]; ++a)
      for (int64_t b = 0; b < g_.kernel[1]; ++b)
        for (int64_t c = 0; c < g_.kernel[2]; ++c, ++tap) {
          const int64_t in[] = {z * g_.stride[0] + a * g_.dilation[0] - g_.pad[0],
                                row * g_.stride[1] + b * g_.dilation[1] - g_.pad[1],
                                first * g_.stride[2] + c * g_.dilation[2] - g_.pad[2]};
          bool meets = true;
          for (int d = 0; d < 3; ++d) meets &= in[d] >= 0 && in[d] < g_.in[d];
          if (!meets) continue;
          offsets_[taps] = ((in[0] * g_.in[1] + in[1]) * g_.in[2] + in[2]) * lanes;
          weights_[taps++] = tap * lanes;
        }
    line_.taps = taps, line_.pixels = count;
    line_.x = x, line_.y = y + first * line_.y_step;
    kernels().line(line_);
  }

  const ConvGeometry& g_;
  Line line_{};
  int64_t offsets_[Depthwise::kMostTaps], weights_[Depthwise::kMostTaps];
};

Depthwise::Depthwise(const ConvGeometry& g, int64_t channels, ConvDirection direction, int threads)
    : g_(g),
      channels_(channels),
      blocks_(ceil_div(channels, kernels().lanes)),
      direction_(direction),
      threads_(threads) {
  if (direction == ConvDirection::forward) phases_.push_back({g, {g.kernel}});
  if (direction == ConvDirection::weight && threads > 1 && blocks_ < 4 * threads)
    slices_ = std::clamp<int64_t>(ceil_div(4 * threads, blocks_), 1, std::min<int64_t>(8, g.batch));
  if (direction != ConvDirection::input) return;
  ConvGeometry::Sizes at;
  for (at[0] = 0; at[0] < g.stride[0]; ++at[0])
    for (at[1] = 0; at[1] < g.stride[1]; ++at[1])
      for (at[2] = 0; at[2] < g.stride[2]; ++at[2]) {
        Phase phase;
        if (input_phase(g, at, phase.g, phase.taps)) phases_.push_back(phase);
      }
}

// The taps of all phases, one after another.
int64_t Depthwise::packed_floats() const {
  int64_t taps = 0;
  for (const Phase& p : phases_) taps += p.g.taps();
  return taps * kernels().lanes;
}

size_t Depthwise::workspace_bytes() const {
  const int64_t floats = direction_ == ConvDirection::weight
                             ? slices_ * blocks_ * g_.taps() * kernels().lanes
                             : blocks_ * packed_floats();
  return static_cast<size_t>(floats) * sizeof(float);
}

void Depthwise::pack(const float* w, float* packed) const {
  const int64_t lanes = kernels().lanes, taps = g_.taps();
  for (int64_t block = 0; block < blocks_; ++block)
    for (const Phase& p : phases_)
      for (int64_t tap = 0; tap < p.g.taps(); ++tap) {
        const int64_t from = p.taps.place(tap, p.g.kernel);
        for (int64_t c = block * lanes; c < (block + 1) * lanes; ++c)
          *packed++ = c < channels_ ? w[c * taps + from] : 0;
      }
}

void Depthwise::run_pixels(const float* from, const float* w, float* to,
                           const ConvEpilogue& epilogue, float* packed) const {
  constexpr int64_t kWorthAThread = 1 << 15;  // multiplications of vectors
  pack(w, packed);
  const bool forward = direction_ == ConvDirection::forward;
  const int64_t lanes = kernels().lanes, in_plane = (forward ? g_.plane() : g_.pixels()) * lanes,
                out_plane = (forward ? g_.pixels() : g_.plane()) * lanes;
  const int64_t work = g_.pixels() * g_.taps();
  parallel_for(g_.batch * blocks_, std::max<int64_t>(1, kWorthAThread / work),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t block = i % blocks_;
                   const float* weights = packed + block * packed_floats();
                   for (const Phase& p : phases_) {
                     DepthwiseWorker worker(p.g, weights,
                                            epilogue.bias ? epilogue.bias + block * lanes : nullptr,
                                            epilogue.residual ? epilogue.residual - to : 0,
                                            epilogue.residual != nullptr, epilogue.relu);
                     worker.run(from + i * in_plane, to + i * out_plane);
                     weights += p.g.taps() * lanes;
                   }
                 }
               });
}

void Depthwise::run_weights(const float* x, const float* dy, float* dw, float* all) const {
  const int64_t lanes = kernels().lanes, taps = g_.taps(), size = taps * lanes;
  const auto add_line = [&](const float* px, const float* py, int64_t row_tap, float* sums) {
    for (int64_t first = 0; first < g_.kernel[2]; first += kMostSums) {
      const int64_t end = std::min(first + kMostSums, g_.kernel[2]);
      Range together{0, g_.out[2]};
      for (int64_t k = first; k < end; ++k) {
        const Range r = inside(g_, 2, k);
        together = {std::max(together.begin, r.begin), std::min(together.end, r.end)};
      }
      if (together.end < together.begin) together.end = together.begin = g_.out[2];
      Sums t{};
      t.x_step = g_.stride[2] * lanes, t.tap_step = g_.dilation[2] * lanes;
      const auto add = [&](int64_t begin, int64_t stop, int64_t k, int64_t count) {
        if (begin >= stop) return;
        t.x = px + (begin * g_.stride[2] + k * g_.dilation[2] - g_.pad[2]) * lanes;
        t.y = py + begin * lanes, t.pixels = stop - begin;
        t.sums = sums + (row_tap + k) * lanes, t.taps = static_cast<int>(count);
        kernels().sum(t);
      };
      add(together.begin, together.end, first, end - first);
      for (int64_t k = first; k < end; ++k) {
        const Range r = inside(g_, 2, k);
        add(r.begin, std::min(r.end, together.begin), k, 1);
        add(std::max(r.begin, together.end), r.end, k, 1);
      }
    }
  };
  const auto add_image = [&](const float* px, const float* py, float* sums) {
    for (int64_t z = 0; z < g_.out[0]; ++z)
      for (int64_t row = 0; row < g_.out[1]; ++row)
        for (int64_t a = 0; a < g_.kernel[0]; ++a)
          for (int64_t b = 0; b < g_.kernel[1]; ++b) {
            const int64_t in_z = z * g_.stride[0] + a * g_.dilation[0] - g_.pad[0],
                          in_row = row * g_.stride[1] + b * g_.dilation[1] - g_.pad[1];
            if (in_z < 0 || in_z >= g_.in[0] || in_row < 0 || in_row >= g_.in[1]) continue;
            add_line(px + (in_z * g_.in[1] + in_row) * g_.in[2] * lanes,
                     py + (z * g_.out[1] + row) * g_.out[2] * lanes,
                     (a * g_.kernel[1] + b) * g_.kernel[2], sums);
          }
  };
  parallel_for(blocks_ * slices_, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t slice = i / blocks_, block = i % blocks_;
      float* sums = std::fill_n(all + i * size, size, 0.0f) - size;
      for (int64_t n = g_.batch * slice / slices_; n < g_.batch * (slice + 1) / slices_; ++n)
        add_image(x + (n * blocks_ + block) * g_.plane() * lanes,
                  dy + (n * blocks_ + block) * g_.pixels() * lanes, sums);
    }
  });
  for (int64_t c = 0; c < channels_; ++c)
    for (int64_t tap = 0; tap < taps; ++tap) {
      float sum = 0;
      for (int64_t slice = 0; slice < slices_; ++slice)
        sum += all[(slice * blocks_ + c / lanes) * size + tap * lanes + c % lanes];
      dw[c * taps + tap] = sum;
    }
}

void Depthwise::run(const float* x, const float* w, const float* y, const ConvEpilogue& epilogue,
                    void* workspace) const {
  auto* floats = static_cast<float*>(workspace);
  switch (direction_) {
    case ConvDirection::forward: return run_pixels(x, w, const_cast<float*>(y), epilogue, floats);
    case ConvDirection::input: return run_pixels(y, w, const_cast<float*>(x), {}, floats);
    case ConvDirection::weight: return run_weights(x, y, const_cast<float*>(w), floats);
  }
}

}  // namespace cairn::cpu
#endif
