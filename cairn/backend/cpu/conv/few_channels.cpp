#include "cairn/backend/cpu/conv/few_channels.h"

#include <algorithm>

#include "cairn/backend/cpu/team.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/conv/few_channels.cpp"
#include "cairn/backend/cpu/simd_targets.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#ifndef CAIRN_FEW_CHANNELS_TILE_  // once, not once for each instruction set
#define CAIRN_FEW_CHANNELS_TILE_
namespace cairn::cpu::few_channels {

constexpr int kMostRows = 12;  // of a tile, on any instruction set

// Some rows (a channel and a tap each) by two blocks of output channels, over a block of pixels.
struct Tile {
  int rows;
  const float* x[kMostRows];  // under the first pixel
  int64_t x_row, x_step;  // floats from one row of pixels to the next, from one pixel to the next
  const float *first, *second;  // gradients of the first pixel, a block of channels each
  int64_t y_row;
  int64_t height, width;
  float* sums;  // added to: [rows][two blocks]
  int64_t sum_row;
};

// Of an instruction set: floats in a vector, rows of a tile.
struct Kernels {
  int64_t lanes, rows;
  void (*accumulate)(const Tile&);
};

}  // namespace cairn::cpu::few_channels
#endif

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::few_channels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = HWY_LANES(float);
constexpr int kRows = HWY_TARGET <= HWY_AVX3 ? 12 : 6;  // sums fill the registers: 2 vectors a row
static_assert(kRows <= kMostRows);

template <int kHeight>
HWY_NOINLINE void tile(const Tile& t) {
  const D d;
  V first[kHeight], second[kHeight];
  const float* x[kHeight];
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) first[r] = second[r] = hn::Zero(d), x[r] = t.x[r];
  for (int64_t row = 0; row < t.height; ++row) {
    const float *left = t.first + row * t.y_row, *right = t.second + row * t.y_row;
    int64_t at = row * t.x_row;
    for (int64_t i = 0; i < t.width * kLanes; i += kLanes, at += t.x_step) {
      const V a = hn::LoadU(d, left + i), b = hn::LoadU(d, right + i);
#pragma GCC unroll 16
      for (int r = 0; r < kHeight; ++r) {
        const V factor = hn::Set(d, x[r][at]);
        first[r] = hn::MulAdd(factor, a, first[r]);
        second[r] = hn::MulAdd(factor, b, second[r]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) {
    float* sums = t.sums + r * t.sum_row;
    hn::StoreU(hn::Add(hn::LoadU(d, sums), first[r]), d, sums);
    hn::StoreU(hn::Add(hn::LoadU(d, sums + kLanes), second[r]), d, sums + kLanes);
  }
}

template <int kHeight>
HWY_INLINE void tile_of_rows(const Tile& t) {
  if (t.rows == kHeight) return tile<kHeight>(t);
  if constexpr (kHeight > 1) tile_of_rows<kHeight - 1>(t);
}

void accumulate(const Tile& t) { tile_of_rows<kRows>(t); }

Kernels table() { return {kLanes, kRows, accumulate}; }

}  // namespace
}  // namespace cairn::cpu::few_channels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {
namespace few_channels {

HWY_EXPORT(table);

const Kernels& kernels() {
  static const Kernels chosen = HWY_DYNAMIC_DISPATCH(table)();
  return chosen;
}

constexpr int64_t kBlockPixels =
    192;                        // their gradients, two blocks of channels, stay in the L1 cache
constexpr int64_t kSlices = 8;  // enough to share out, few enough to add up

}  // namespace few_channels

using namespace few_channels;

// One thread's view of one run.
class FewChannelsWorker {
 public:
  FewChannelsWorker(const FewChannelsGradient& plan, const float* x, const float* dy, float* window,
                    float* sums)
      : p_(plan), g_(plan.g_), x_(x), dy_(dy), window_(window), sums_(sums) {}

  void run(int64_t begin, int64_t end) {
    std::fill_n(sums_, g_.in_channels * g_.taps() * p_.sum_row_, 0.0f);
    for (int64_t item = begin; item < end; ++item) {
      place(item);
      copy_window();
      for (int64_t block = 0; block < p_.out_blocks_; block += 2) accumulate(block);
    }
  }

 private:
  void place(int64_t item) {
    for (int d = 2; d >= 0; item /= p_.blocks_[d], --d) {
      const int64_t i = item % p_.blocks_[d];
      at_[d] = g_.out[d] * i / p_.blocks_[d];
      size_[d] = g_.out[d] * (i + 1) / p_.blocks_[d] - at_[d];
    }
    image_ = item;
  }

  // What lies under the block's taps, zeros where that is padding.
  void copy_window() {
    float* to = window_;
    ConvGeometry::Sizes from;
    for (int d = 0; d < 3; ++d) from[d] = at_[d] * g_.stride[d] - g_.pad[d];
    const int64_t width = p_.window_[2];
    // Columns [begin, end) of the window are inside the image.
    const int64_t begin = std::clamp<int64_t>(-from[2], 0, width),
                  end = std::clamp(g_.in[2] - from[2], begin, width);
    for (int64_t c = 0; c < g_.in_channels; ++c)
      for (int64_t z = 0; z < p_.window_[0]; ++z)
        for (int64_t y = 0; y < p_.window_[1]; ++y, to += width) {
          const int64_t in_z = from[0] + z, in_y = from[1] + y;
          const bool inside = in_z >= 0 && in_z < g_.in[0] && in_y >= 0 && in_y < g_.in[1];
          std::fill_n(to, inside ? begin : width, 0.0f);
          if (!inside) continue;
          const float* row =
              x_ + (((image_ * g_.in_channels + c) * g_.in[0] + in_z) * g_.in[1] + in_y) * g_.in[2];
          std::copy(row + from[2] + begin, row + from[2] + end, to + begin);
          std::fill(to + end, to + width, 0.0f);
        }
  }

  void accumulate(int64_t block) {
    const int64_t lanes = kernels().lanes, rows = g_.in_channels * g_.taps(),
                  tiles = ceil_div(rows, kernels().rows);
    const int64_t plane = g_.pixels() * lanes;
    Tile t{};
    t.first = dy_ + (image_ * p_.out_blocks_ + block) * plane +
              ((at_[0] * g_.out[1] + at_[1]) * g_.out[2] + at_[2]) * lanes;
    t.second = block + 1 < p_.out_blocks_ ? t.first + plane
                                          : t.first;  // else into the panel's unused half
    t.y_row = g_.out[2] * lanes, t.height = size_[1], t.width = size_[2];
    t.x_row = g_.stride[1] * p_.window_[2], t.x_step = g_.stride[2], t.sum_row = p_.sum_row_;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t row = rows * tile / tiles;
      t.rows = static_cast<int>(rows * (tile + 1) / tiles - row);
      for (int r = 0; r < t.rows; ++r) t.x[r] = window_ + p_.taps_[static_cast<size_t>(row + r)];
      t.sums = sums_ + row * p_.sum_row_ + block * lanes;
      kernels().accumulate(t);
    }
  }

  const FewChannelsGradient& p_;
  const ConvGeometry& g_;
  const float *x_, *dy_;
  float *window_, *sums_;
  int64_t image_ = 0;
  ConvGeometry::Sizes at_{}, size_{};  // the block of pixels
};

FewChannelsGradient::FewChannelsGradient(const ConvGeometry& geometry, int threads)
    : g_(geometry), threads_(threads) {
  const int64_t lanes = kernels().lanes;
  const int64_t width = ceil_div(g_.out[2], ceil_div(g_.out[2], kBlockPixels));
  const int64_t rows = std::clamp<int64_t>(kBlockPixels / width, 1, g_.out[1]);
  blocks_ = {g_.out[0], ceil_div(g_.out[1], rows), ceil_div(g_.out[2], width)};
  for (int d = 0; d < 3; ++d) {
    window_[d] = (ceil_div(g_.out[d], blocks_[d]) - 1) * g_.stride[d] +
                 (g_.kernel[d] - 1) * g_.dilation[d] + 1;
  }
  for (int64_t c = 0; c < g_.in_channels; ++c)
    for (int64_t z = 0; z < g_.kernel[0]; ++z)
      for (int64_t y = 0; y < g_.kernel[1]; ++y)
        for (int64_t x = 0; x < g_.kernel[2]; ++x)
          taps_.push_back(
              ((c * window_[0] + z * g_.dilation[0]) * window_[1] + y * g_.dilation[1]) *
                  window_[2] +
              x * g_.dilation[2]);
  out_blocks_ = ceil_div(g_.out_channels, lanes);
  sum_row_ = round_up(out_blocks_, 2) * lanes;
  slices_ = std::min(kSlices, g_.batch * blocks_[0] * blocks_[1] * blocks_[2]);
  const auto padded = [](int64_t floats) {
    return static_cast<size_t>(round_up(floats, 16)) * sizeof(float) + 64;
  };
  window_bytes_ = padded(g_.in_channels * window_[0] * window_[1] * window_[2]);
  sum_bytes_ = padded(static_cast<int64_t>(taps_.size()) * sum_row_);
}

int FewChannelsGradient::block() {
  return kernels().lanes >= 8 ? static_cast<int>(kernels().lanes) : 0;
}

size_t FewChannelsGradient::workspace_bytes() const {
  return window_bytes_ * static_cast<size_t>(threads_) + sum_bytes_ * static_cast<size_t>(slices_);
}

void FewChannelsGradient::run(const float* x, const float* dy, float* dw, void* workspace) const {
  char* windows = static_cast<char*>(workspace);
  char* sums = windows + window_bytes_ * static_cast<size_t>(threads_);
  const auto sums_of = [&](int64_t slice) {
    return reinterpret_cast<float*>(sums + sum_bytes_ * static_cast<size_t>(slice));
  };
  const int64_t items = g_.batch * blocks_[0] * blocks_[1] * blocks_[2],
                rows = static_cast<int64_t>(taps_.size());
  run_as_team(threads_, [&](Team& team, int thread, int threads) {
    auto* window = reinterpret_cast<float*>(windows + window_bytes_ * static_cast<size_t>(thread));
    for (int64_t slice; (slice = team.next[0].fetch_add(1)) < slices_;)
      FewChannelsWorker(*this, x, dy, window, sums_of(slice))
          .run(items * slice / slices_, items * (slice + 1) / slices_);
    team.barrier.wait();
    for (int64_t row = rows * thread / threads; row < rows * (thread + 1) / threads; ++row)
      for (int64_t o = 0; o < g_.out_channels; ++o) {
        float sum = 0;
        for (int64_t slice = 0; slice < slices_; ++slice) sum += sums_of(slice)[row * sum_row_ + o];
        dw[o * rows + row] = sum;
      }
  });
}

}  // namespace cairn::cpu
#endif
