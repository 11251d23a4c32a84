#include "cairn/backend/cpu/conv/weight_gradient.h"

#include <algorithm>

#include "cairn/backend/cpu/team.h"
#include "cairn/base/caches.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/conv/weight_gradient.cpp"
#include "cairn/backend/cpu/simd_targets.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#ifndef CAIRN_WEIGHT_GRADIENT_TILE_  // once, not once for each instruction set
#define CAIRN_WEIGHT_GRADIENT_TILE_
namespace cairn::cpu::weight_gradient {

// A block of input channels by two blocks of output channels, at one tap, over some pixels.
struct Tile {
  const float* x;                  // under the first pixel
  int64_t x_image, x_row, x_step;  // floats from one to the next
  const float *first, *second;     // gradients of the first pixel, a block of channels each
  int64_t y_image, y_row;
  int64_t images, height, width;
  float* sums;  // added to: [lane][two blocks]
};

struct Kernels {
  int64_t lanes;
  void (*accumulate)(const Tile&);
};

}  // namespace cairn::cpu::weight_gradient
#endif

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::weight_gradient::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = HWY_LANES(float);
constexpr int kRows = kLanes > 1 ? kLanes / 2 : 1;  // sums: 2 vectors a row

// kRows channels from x on.
HWY_NOINLINE void rows(const Tile& t, const float* x, float* sums) {
  const D d;
  V first[kRows], second[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) first[r] = second[r] = hn::Zero(d);
  for (int64_t image = 0; image < t.images; ++image)
    for (int64_t row = 0; row < t.height; ++row) {
      const int64_t y = image * t.y_image + row * t.y_row;
      const float *left = t.first + y, *right = t.second + y;
      const float* pixel = x + image * t.x_image + row * t.x_row;
#pragma GCC unroll 2
      for (int64_t i = 0; i < t.width; ++i) {
        const V a = hn::LoadU(d, left), b = hn::LoadU(d, right);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          const V factor = hn::Set(d, pixel[r]);
          first[r] = hn::MulAdd(factor, a, first[r]);
          second[r] = hn::MulAdd(factor, b, second[r]);
        }
        left += kLanes, right += kLanes, pixel += t.x_step;
      }
    }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r, sums += 2 * kLanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, sums), first[r]), d, sums);
    hn::StoreU(hn::Add(hn::LoadU(d, sums + kLanes), second[r]), d, sums + kLanes);
  }
}

void accumulate(const Tile& t) {
  for (int64_t r = 0; r < kLanes; r += kRows) rows(t, t.x + r, t.sums + r * 2 * kLanes);
}

const Kernels* gradient_table() {
  static constexpr Kernels table{kLanes, accumulate};
  return &table;
}

}  // namespace
}  // namespace cairn::cpu::weight_gradient::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {
namespace weight_gradient {

HWY_EXPORT(gradient_table);

const Kernels& kernels() { return *HWY_DYNAMIC_DISPATCH(gradient_table)(); }

constexpr int64_t kChunkPixels = 192;  // their gradients, two blocks, stay in the L1 cache
constexpr int64_t kItems = 4;          // of work for a thread

}  // namespace weight_gradient

using namespace weight_gradient;

// One thread's view of one run.
class WeightGradientWorker {
 public:
  WeightGradientWorker(const WeightGradient& plan, const float* x, const float* dy)
      : p_(plan), s_(plan.s_), lanes_(kernels().lanes), x_(x), dy_(dy) {
    const auto blocks = [&](int64_t all, int64_t own) {
      return all == 0 ? own : ceil_div(all, lanes_);
    };
    x_plane_ = s_.plane() * lanes_, y_plane_ = s_.pixels() * lanes_;
    x_image_ = blocks(s_.all_in_channels, p_.in_blocks_) * x_plane_;
    y_image_ = blocks(s_.all_out_channels, p_.out_blocks_) * y_plane_;
  }

  // Images [begin, end) for panels [first, last) by blocks [low, high): all sums.
  void run(int64_t begin, int64_t end, int64_t first, int64_t last, int64_t low, int64_t high,
           float* all, int64_t slice) const {
    const int64_t size = s_.taps() * lanes_ * 2 * lanes_;
    for (int64_t panel = first; panel < last; ++panel)
      std::fill_n(p_.sums_of(slice, panel, low, all), (high - low) * size, 0.0f);
    for (int64_t image = begin; image < end; image += p_.images_) {
      const int64_t images = std::min(p_.images_, end - image);
      for (int64_t z = 0; z < s_.out[0]; ++z)
        for (int64_t line = 0; line < s_.out[1]; line += p_.lines_) {
          const Chunk chunk{image, images, z, line, std::min(line + p_.lines_, s_.out[1])};
          for (int64_t panel = first; panel < last; ++panel)
            for (int64_t block = low; block < high; ++block)
              add(chunk, panel, block, p_.sums_of(slice, panel, block, all));
        }
    }
  }

 private:
  struct Chunk {
    int64_t image, images, z, first_line, end_line;
  };

  void add(const Chunk& c, int64_t panel, int64_t block, float* sums) const {
    Tile t{};
    t.x_image = x_image_, t.y_image = y_image_, t.images = c.images;
    t.x_row = s_.stride[1] * s_.in[2] * lanes_, t.x_step = s_.stride[2] * lanes_;
    t.y_row = s_.out[2] * lanes_;
    const float* x = x_ + c.image * x_image_ + block * x_plane_;
    const float* dy = dy_ + c.image * y_image_ + 2 * panel * y_plane_;
    for (int64_t a = 0; a < s_.kernel[0]; ++a)
      for (int64_t b = 0; b < s_.kernel[1]; ++b)
        for (int64_t k = 0; k < s_.kernel[2]; ++k, sums += lanes_ * 2 * lanes_) {
          const auto inside = [&](int d, int64_t tap) {
            return p_.inside_[d][static_cast<size_t>(tap)];
          };
          const auto z = inside(0, a), rows = inside(1, b), columns = inside(2, k);
          const int64_t from = std::max(c.first_line, rows.begin),
                        to = std::min(c.end_line, rows.end);
          if (c.z < z.begin || c.z >= z.end || from >= to || columns.begin >= columns.end) continue;
          t.height = to - from, t.width = columns.end - columns.begin;
          const int64_t pixel = (place(0, c.z, a) * s_.in[1] + place(1, from, b)) * s_.in[2] +
                                place(2, columns.begin, k);
          t.x = x + pixel * lanes_;
          t.first = dy + ((c.z * s_.out[1] + from) * s_.out[2] + columns.begin) * lanes_;
          // Of an odd number of blocks the last panel has one: its other half is not looked at.
          t.second = 2 * panel + 1 < p_.out_blocks_ ? t.first + y_plane_ : t.first;
          t.sums = sums;
          kernels().accumulate(t);
        }
  }
  int64_t place(int d, int64_t out, int64_t tap) const {
    return out * s_.stride[d] + tap * s_.dilation[d] - s_.pad[d];
  }

  const WeightGradient& p_;
  const ConvGeometry& s_;
  int64_t lanes_;
  const float *x_, *dy_;
  int64_t x_plane_, y_plane_, x_image_, y_image_;
};

WeightGradient::WeightGradient(const ConvGeometry& shape, int threads)
    : s_(shape),
      threads_(threads),
      in_blocks_(ceil_div(s_.in_channels, kernels().lanes)),
      out_blocks_(ceil_div(s_.out_channels, kernels().lanes)),
      panels_(ceil_div(out_blocks_, 2)) {
  const int64_t plane = s_.out[1] * s_.out[2];
  images_ = std::clamp<int64_t>(kChunkPixels / plane, 1, s_.batch);
  lines_ = std::clamp<int64_t>(kChunkPixels / s_.out[2], 1, s_.out[1]);
  const int64_t wanted = threads_ > 1 ? kItems * threads_ : 1;
  const int64_t panel_bytes = in_blocks_ * s_.taps() * kernels().lanes * 2 * kernels().lanes *
                              static_cast<int64_t>(sizeof(float)),
                fit = std::max<int64_t>(1, caches().l2 / 2 / panel_bytes);
  if (panels_ <= fit) {
    slices_ = std::min(wanted, s_.batch);
    parts_ = std::min(ceil_div(wanted, slices_), in_blocks_);
  } else {
    groups_ = std::max(ceil_div(panels_, fit), std::min(wanted, panels_));
    parts_ = std::min(ceil_div(wanted, groups_), in_blocks_);
  }
  for (int d = 0; d < 3; ++d)
    for (int64_t tap = 0; tap < s_.kernel[d]; ++tap) {
      const int64_t shift = tap * s_.dilation[d] - s_.pad[d];
      const auto meets = [&](int64_t out) {
        const int64_t i = out * s_.stride[d] + shift;
        return i >= 0 && i < s_.in[d];
      };
      Range r{0, s_.out[d]};
      while (r.begin < r.end && !meets(r.begin)) ++r.begin;
      while (r.end > r.begin && !meets(r.end - 1)) --r.end;
      inside_[d].push_back(r);
    }
}

int WeightGradient::block() { return kernels().lanes >= 8 ? static_cast<int>(kernels().lanes) : 0; }

size_t WeightGradient::workspace_bytes() const {
  const int64_t lanes = kernels().lanes;
  return static_cast<size_t>(slices_ * panels_ * in_blocks_ * s_.taps() * lanes * 2 * lanes) *
         sizeof(float);
}

float* WeightGradient::sums_of(int64_t slice, int64_t panel, int64_t block, float* all) const {
  const int64_t lanes = kernels().lanes;
  return all + ((slice * panels_ + panel) * in_blocks_ + block) * s_.taps() * lanes * 2 * lanes;
}

// What the slices summed for a block by a panel.
void WeightGradient::write(const float* all, int64_t panel, int64_t block, const WeightView& view,
                           float* dw) const {
  const int64_t lanes = kernels().lanes, taps = s_.taps(), tap_floats = lanes * 2 * lanes;
  const float* sums = sums_of(0, panel, block, const_cast<float*>(all));
  const int64_t slice = panels_ * in_blocks_ * taps * tap_floats;
  const int64_t outs = std::min(2 * lanes, s_.out_channels - panel * 2 * lanes),
                ins = std::min(lanes, s_.in_channels - block * lanes);
  for (int64_t column = 0; column < outs; ++column)
    for (int64_t lane = 0; lane < ins; ++lane) {
      const int64_t o = panel * 2 * lanes + column, i = block * lanes + lane;
      if (o / view.outs != i / view.ins) continue;
      float* to =
          dw + o / view.outs * view.group + o % view.outs * view.out + i % view.ins * view.in;
      const float* from = sums + lane * 2 * lanes + column;
      for (int64_t tap = 0; tap < taps; ++tap, from += tap_floats) {
        float sum = *from;
        for (int64_t k = 1; k < slices_; ++k) sum += from[k * slice];
        to[tap] = sum;
      }
    }
}

void WeightGradient::run(const float* x, const float* dy, const WeightView& view, float* dw,
                         void* workspace) const {
  auto* all = static_cast<float*>(workspace);
  const int64_t tiles = groups_ * parts_, items = tiles * slices_;
  run_as_team(threads_, [&](Team& team, int thread, int threads) {
    const WeightGradientWorker worker(*this, x, dy);
    for (int64_t i; (i = team.next[0].fetch_add(1)) < items;) {
      const int64_t slice = i / tiles, group = i % tiles / parts_, part = i % parts_;
      worker.run(s_.batch * slice / slices_, s_.batch * (slice + 1) / slices_,
                 panels_ * group / groups_, panels_ * (group + 1) / groups_,
                 in_blocks_ * part / parts_, in_blocks_ * (part + 1) / parts_, all, slice);
    }
    team.barrier.wait();
    const int64_t blocks = panels_ * in_blocks_;
    for (int64_t i = blocks * thread / threads; i < blocks * (thread + 1) / threads; ++i)
      write(all, i / in_blocks_, i % in_blocks_, view, dw);
  });
}

}  // namespace cairn::cpu
#endif
