#include "cairn/backend/cpu/conv/gathered_bf16.h"

#include <algorithm>
#include <cstring>

#include "cairn/backend/cpu/conv/weight_panels_bf16.h"
#include "cairn/backend/cpu/gemm/panels_bf16.h"
#include "cairn/backend/cpu/team.h"
#include "cairn/base/caches.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

using panels_bf16::kPanel;

constexpr int64_t kBlock = 16, kElement = sizeof(uint16_t);
constexpr size_t kBlockBytes = kBlock * kElement;
constexpr int64_t kPadding = 32;       // elements of a packed panel: else all meet in one set
constexpr int64_t kMostRows = 512;     // of a chunk
constexpr int64_t kWindows = 4 << 20;  // bytes of windows of a chunk that all threads share

size_t lines(int64_t bytes) { return static_cast<size_t>(round_up(bytes, 64)); }

// Pixel number `flat` of all images, as coordinates.
struct Pixel {
  Pixel(const ConvGeometry& g, int64_t flat)
      : image(flat / g.pixels()),
        at{flat / (g.out[1] * g.out[2]) % g.out[0], flat / g.out[2] % g.out[1], flat % g.out[2]} {}
  void next(const ConvGeometry& g) {
    for (int d = 2; d >= 0; --d) {
      if (++at[d] < g.out[d]) return;
      at[d] = 0;
    }
    ++image;
  }
  // Where it lies in the plane of the result.
  int64_t place(const ConvGeometry& g) const {
    if (g.whole()) return (at[0] * g.out[1] + at[1]) * g.out[2] + at[2];
    int64_t place = 0;
    for (int d = 0; d < 3; ++d)
      place = place * g.out_size[d] + g.out_first[d] + at[d] * g.out_step[d];
    return place;
  }
  int64_t image;
  ConvGeometry::Sizes at;
};

// Blocks of one pixel, `step` elements apart, side by side.
void copy_blocks(const uint16_t* from, int64_t step, int64_t blocks, uint16_t* to) {
  for (int64_t b = 0; b < blocks; ++b) std::memcpy(to + b * kBlock, from + b * step, kBlockBytes);
}
void spread_blocks(const uint16_t* from, int64_t blocks, int64_t step, uint16_t* to) {
  for (int64_t b = 0; b < blocks; ++b) std::memcpy(to + b * step, from + b * kBlock, kBlockBytes);
}

// What lies under the windows of `count` pixels from `first` on: rows [tap][channel], zeros in the
// padding.
void gather_windows(const ConvGeometry& g, const uint16_t* x, int64_t first, int64_t count,
                    uint16_t* to) {
  const int64_t blocks = ceil_div(g.in_channels, kBlock), plane = g.plane() * kBlock;
  const size_t tap_bytes = static_cast<size_t>(blocks) * kBlockBytes;
  Pixel pixel(g, first);
  for (int64_t i = 0; i < count; ++i, pixel.next(g)) {
    const uint16_t* image = x + pixel.image * blocks * plane;
    const auto source = [&](int d, int64_t tap) {
      return pixel.at[d] * g.stride[d] - g.pad[d] + tap * g.dilation[d];
    };
    const auto inside = [&](int d, int64_t at) { return at >= 0 && at < g.in[d]; };
    for (int64_t a = 0; a < g.kernel[0]; ++a)
      for (int64_t b = 0; b < g.kernel[1]; ++b) {
        const int64_t z = source(0, a), y = source(1, b);
        const bool line = inside(0, z) && inside(1, y);
        for (int64_t c = 0; c < g.kernel[2]; ++c, to += blocks * kBlock) {
          const int64_t column = source(2, c);
          if (line && inside(2, column))
            copy_blocks(image + ((z * g.in[1] + y) * g.in[2] + column) * kBlock, plane, blocks, to);
          else std::memset(to, 0, tap_bytes);
        }
      }
  }
}

// Pixels of a channel-blocked tensor as rows [channel].
void gather_pixels(const uint16_t* y, int64_t channels, int64_t pixels, int64_t first,
                   int64_t count, uint16_t* to) {
  const int64_t blocks = ceil_div(channels, kBlock);
  for (int64_t i = first; i < first + count; ++i, to += blocks * kBlock)
    copy_blocks(y + (i / pixels * blocks * pixels + i % pixels) * kBlock, pixels * kBlock, blocks,
                to);
}

}  // namespace

bool has_gathered_bf16() { return has_gemm_bf16(); }

GatheredBf16::GatheredBf16(const ConvGeometry& forward, bool backward, int threads)
    : backward_(backward), threads_(threads) {
  Part part{};
  if (!backward) {
    part.g = forward, part.taps.kernel = forward.kernel, parts_.push_back(part);
  } else {
    const ConvGeometry::Sizes& s = forward.stride;
    for (int64_t i = 0; i < s[0] * s[1] * s[2]; ++i)
      if (input_phase(forward, {i / (s[1] * s[2]), i / s[2] % s[1], i % s[2]}, part.g, part.taps))
        parts_.push_back(part);
  }
  const int64_t tile = panels_bf16::kernels()->tile_rows;
  for (Part& p : parts_) {
    p.depth = p.g.taps() * round_up(p.g.in_channels, kBlock);
    const int64_t pixels = p.g.batch * p.g.pixels();
    const int64_t fit = caches().l2 / 3 / std::max<int64_t>(1, p.depth * kElement);
    const int64_t even = ceil_div(pixels, 4 * threads);  // what slows one down is shared by all
    p.rows = std::clamp(std::min(fit, even) / tile * tile, tile, kMostRows);
    p.chunks = ceil_div(pixels, p.rows);
    p.packed = packed_bytes_;
    packed_bytes_ += lines(panels() * panel_elements(p) * kElement);
    rows_bytes_ = std::max(rows_bytes_, lines(p.rows * p.depth * kElement));
    results_bytes_ = std::max(results_bytes_, lines(p.rows * panels() * kPanel * kElement));
  }
}

int64_t GatheredBf16::panels() const { return ceil_div(parts_[0].g.out_channels, kPanel); }
int64_t GatheredBf16::panel_elements(const Part& part) const {
  return part.depth * kPanel + kPadding;
}

size_t GatheredBf16::workspace_bytes() const {
  return packed_bytes_ + static_cast<size_t>(threads_) * (rows_bytes_ + results_bytes_);
}

// One thread's view of one run.
class GatheredBf16Worker {
 public:
  GatheredBf16Worker(const GatheredBf16& plan, const uint16_t* x, const uint16_t* w, uint16_t* y,
                     char* workspace, int thread)
      : p_(plan), x_(x), w_(w), y_(y), packed_(workspace) {
    workspace +=
        plan.packed_bytes_ + static_cast<size_t>(thread) * (plan.rows_bytes_ + plan.results_bytes_);
    rows_ = reinterpret_cast<uint16_t*>(workspace);
    results_ = reinterpret_cast<uint16_t*>(workspace + plan.rows_bytes_);
  }

  void run(Team& team, int thread, int threads) {
    for (const GatheredBf16::Part& part : p_.parts_) {
      const int64_t pairs = part.depth / 2;
      pack(part, pairs * thread / threads, pairs * (thread + 1) / threads);
    }
    team.barrier.wait();
    int64_t all = 0;
    for (const GatheredBf16::Part& part : p_.parts_) all += part.chunks;
    for (int64_t item; (item = team.next[0].fetch_add(1)) < all;) {
      auto part = p_.parts_.begin();
      for (; item >= part->chunks; ++part) item -= part->chunks;
      make(*part, item * part->rows);
    }
  }

 private:
  // Pairs [begin, end) of the depth, of all panels.
  void pack(const GatheredBf16::Part& part, int64_t begin, int64_t end) const {
    const WeightPanels panels{part.g, part.taps, p_.backward_, round_up(part.g.in_channels, kBlock),
                              p_.panel_elements(part)};
    panels.pack(w_, begin, end, reinterpret_cast<uint16_t*>(packed_ + part.packed),
                results_);  // free before the first chunk
  }

  // The results of a chunk of pixels from `first` on.
  void make(const GatheredBf16::Part& part, int64_t first) const {
    const ConvGeometry& g = part.g;
    const int64_t count = std::min(part.rows, g.batch * g.pixels() - first);
    const int64_t columns = round_up(g.out_channels, kBlock);
    if (part.depth == 0) {
      std::memset(results_, 0, static_cast<size_t>(count * columns * kElement));
    } else {
      gather_windows(g, x_, first, count, rows_);
      panels_bf16::Product product{};
      product.a = rows_, product.a_row = part.depth, product.a_pair = 2;
      product.rows = count, product.pairs = part.depth / 2, product.columns = columns;
      product.packed = reinterpret_cast<const uint16_t*>(packed_ + part.packed);
      product.panel_stride = p_.panel_elements(part);
      product.c = results_, product.c_row = columns, product.narrow = true;
      panels_bf16::kernels()->multiply(product);
    }
    const int64_t blocks = columns / kBlock, plane = g.out_plane() * kBlock;
    Pixel pixel(g, first);
    for (int64_t i = 0; i < count; ++i, pixel.next(g))
      spread_blocks(results_ + i * columns, blocks, plane,
                    y_ + pixel.image * blocks * plane + pixel.place(g) * kBlock);
  }

  const GatheredBf16& p_;
  const uint16_t *x_, *w_;
  uint16_t* y_;
  char* packed_;
  uint16_t *rows_, *results_;
};

void GatheredBf16::run(const uint16_t* x, const uint16_t* w, uint16_t* y, void* workspace) const {
  run_as_team(threads_, [&](Team& team, int thread, int threads) {
    GatheredBf16Worker(*this, x, w, y, static_cast<char*>(workspace), thread)
        .run(team, thread, threads);
  });
}

GatheredBf16Weights::GatheredBf16Weights(const ConvGeometry& forward, int threads)
    : g_(forward),
      threads_(threads),
      depth_(forward.taps() * round_up(forward.in_channels, kBlock)),
      outputs_(round_up(forward.out_channels, kBlock)) {
  const int64_t pixels = g_.batch * g_.pixels();
  rows_ = std::min(round_up(pixels, 2),
                   round_up(std::max<int64_t>(256, kWindows / kElement / depth_), 32));
  rows_bytes_ = lines(rows_ * depth_ * kElement);
  gradients_bytes_ = lines(rows_ * outputs_ * kElement);
  sums_bytes_ = lines(depth_ * outputs_ * static_cast<int64_t>(sizeof(float)));
}

GemmShape GatheredBf16Weights::shape(int64_t pixels) const { return {depth_, outputs_, pixels}; }
Bf16Operand GatheredBf16Weights::windows(const uint16_t* rows) const {
  return {rows, false, 1, depth_};
}
Bf16Operand GatheredBf16Weights::gradients(const uint16_t* rows) const {
  return {rows, false, outputs_, 1};
}

size_t GatheredBf16Weights::workspace_bytes() const {
  const int64_t pixels = g_.batch * g_.pixels(), last = pixels % rows_ ? pixels % rows_ : rows_;
  const auto product = [&](int64_t count) {
    return gemm_bf16_workspace(shape(count), windows(nullptr), gradients(nullptr), true);
  };
  return rows_bytes_ + gradients_bytes_ + sums_bytes_ +
         std::max(product(std::min(rows_, pixels)), product(last));
}

void GatheredBf16Weights::run(const uint16_t* x, const uint16_t* dy, uint16_t* dw,
                              void* workspace) const {
  auto* bytes = static_cast<char*>(workspace);
  auto* windows_of_chunk = reinterpret_cast<uint16_t*>(bytes);
  auto* gradients_of_chunk = reinterpret_cast<uint16_t*>(bytes + rows_bytes_);
  auto* sums = reinterpret_cast<float*>(bytes + rows_bytes_ + gradients_bytes_);
  char* rest = bytes + rows_bytes_ + gradients_bytes_ + sums_bytes_;
  const int64_t pixels = g_.batch * g_.pixels();
  for (int64_t first = 0; first < pixels; first += rows_) {
    const int64_t count = std::min(rows_, pixels - first);
    parallel_for(count, 16, [&](int64_t begin, int64_t end) {
      gather_windows(g_, x, first + begin, end - begin, windows_of_chunk + begin * depth_);
      gather_pixels(dy, g_.out_channels, g_.pixels(), first + begin, end - begin,
                    gradients_of_chunk + begin * outputs_);
    });
    const GemmStart start{first > 0 ? sums : nullptr, outputs_, nullptr};
    gemm_bf16(shape(count), windows(windows_of_chunk), gradients(gradients_of_chunk), start, sums,
              true, outputs_, rest);
  }
  const int64_t in_blocks = ceil_div(g_.in_channels, kBlock), taps = g_.taps();
  parallel_for(depth_, 64, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t tap = k / (in_blocks * kBlock), channel = k % (in_blocks * kBlock);
      for (int64_t b = 0; b < outputs_ / kBlock; ++b)
        panels_bf16::kernels()->narrow_row(
            sums + k * outputs_ + b * kBlock, kBlock,
            dw + (((b * in_blocks + channel / kBlock) * taps + tap) * kBlock + channel % kBlock) *
                     kBlock);
    }
  });
}

}  // namespace cairn::cpu
