#include "cairn/backend/cpu/conv/implicit_gemm.h"

#include <algorithm>

#include "cairn/backend/cpu/team.h"
#include "cairn/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/conv/implicit_gemm.cpp"
#include "cairn/backend/cpu/simd_targets.h"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "cairn/backend/cpu/registers-inl.h"
#include "hwy/highway.h"

#ifndef CAIRN_IMPLICIT_GEMM_TILE_  // once, not once for each instruction set
#define CAIRN_IMPLICIT_GEMM_TILE_
namespace cairn::cpu::implicit_gemm {

constexpr int kMostRows = 12;  // of a tile, on any instruction set

// A few pixels by one panel of output channels, over one piece of the depth.
struct Tile {
  int rows;
  int64_t groups;        // of the depth: each a block of input channels at one tap
  const float* a;        // [group][row][lane]
  const float* b;        // [group][lane][panel]
  const float* ahead;    // of b, to be fetched meanwhile
  int lines_ahead;       // cache lines a group
  float* y[kMostRows];   // each pixel's first block of the panel
  int64_t block_stride;  // floats to the second
  bool second;           // is there one?
  const float* bias;     // of the panel, or null
  int64_t residual;      // floats from y to the residual, where has_residual
  bool first, last, has_residual,
      relu;  // first, last: of the pieces of the depth; y holds the sum of those before
};

// Of an instruction set: floats in a vector, rows of a tile.
struct Kernels {
  int64_t lanes, rows;
  void (*multiply)(const Tile&);
  // Groups of a tile: `count` blocks of channels of each pixel, `plane` floats apart; null: a pixel
  // in the padding.
  void (*gather)(const float* const* pixels, int rows, int64_t plane, int64_t count, float* to);
};

}  // namespace cairn::cpu::implicit_gemm
#endif

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::implicit_gemm::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::HWY_NAMESPACE::keep_in_register;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = HWY_LANES(float);
constexpr int kRows = HWY_TARGET <= HWY_AVX3 ? 12 : 6;  // sums fill the registers: 2 vectors a row
static_assert(kRows <= kMostRows);

// One block of the panel's channels of one pixel.
HWY_INLINE void finish(const Tile& t, V sum, const float* bias, float* y) {
  const D d;
  if (!t.first) sum = hn::Add(sum, hn::LoadU(d, y));
  if (t.first && bias) sum = hn::Add(sum, hn::LoadU(d, bias));
  if (t.first && t.has_residual) sum = hn::Add(sum, hn::LoadU(d, y + t.residual));
  if (t.last && t.relu) sum = hn::Max(sum, hn::Zero(d));
  hn::StoreU(sum, d, y);
}

template <int kHeight>
HWY_NOINLINE void tile(const Tile& t) {
  const D d;
  const float *a = t.a, *b = t.b, *ahead = t.ahead;
  V first[kHeight], second[kHeight];
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) first[r] = second[r] = hn::Zero(d);
#pragma GCC unroll 1
  for (int64_t group = t.groups; group > 0; --group) {
#pragma GCC unroll 1
    for (int i = t.lines_ahead; i > 0; --i, ahead += 16) hwy::Prefetch(ahead);
#pragma GCC unroll 4
    for (int64_t k = 0; k < kLanes; ++k, b += 2 * kLanes) {
      V left = hn::LoadU(d, b), right = hn::LoadU(d, b + kLanes);
      keep_in_register(left), keep_in_register(right);
#pragma GCC unroll 16
      for (int r = 0; r < kHeight; ++r) {
        const V factor = hn::Set(d, a[r * kLanes + k]);
        first[r] = hn::MulAdd(factor, left, first[r]);
        second[r] = hn::MulAdd(factor, right, second[r]);
      }
    }
    a += kHeight * kLanes;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kHeight; ++r) {
    finish(t, first[r], t.bias, t.y[r]);
    if (t.second) finish(t, second[r], t.bias ? t.bias + kLanes : nullptr, t.y[r] + t.block_stride);
  }
}

template <int kHeight>
HWY_INLINE void tile_of_rows(const Tile& t) {
  if (t.rows == kHeight) return tile<kHeight>(t);
  if constexpr (kHeight > 1) tile_of_rows<kHeight - 1>(t);
}

void multiply(const Tile& t) { tile_of_rows<kRows>(t); }

void gather(const float* const* pixels, int rows, int64_t plane, int64_t count, float* to) {
  const D d;
  for (int64_t i = 0; i < count; ++i)
    for (int r = 0; r < rows; ++r, to += kLanes)
      hn::StoreU(pixels[r] ? hn::LoadU(d, pixels[r] + i * plane) : hn::Zero(d), d, to);
}

Kernels table() { return {kLanes, kRows, multiply, gather}; }

}  // namespace
}  // namespace cairn::cpu::implicit_gemm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {
namespace implicit_gemm {

HWY_EXPORT(table);

const Kernels& kernels() {
  static const Kernels chosen = HWY_DYNAMIC_DISPATCH(table)();
  return chosen;
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr int64_t kDepth = 256;  // of a piece: a panel of it stays in the L1 cache
// Gathered at a time, so that a piece of so many rows stays in the L2 cache: by one thread for itself, by all for all.
constexpr int64_t kBlockRows = 128, kSharedRows = 252;
constexpr int64_t kItems = 4;  // of work for a thread: what slows one down is shared by all

// How the product is cut up. Sums are taken in an order that only the weight's shape fixes.
struct Cut {
  int64_t in_blocks, out_blocks, panels, groups, pieces;

  Cut(const ConvGeometry& s, int64_t lanes)
      : in_blocks(ceil_div(s.in_channels, lanes)),
        out_blocks(ceil_div(s.out_channels, lanes)),
        panels(ceil_div(out_blocks, 2)),
        groups(in_blocks * s.taps()),
        pieces(ceil_div(groups * lanes, kDepth)) {}
  int64_t group(int64_t piece) const { return groups * piece / pieces; }  // the first of a piece
};

// Where a weight lies: [piece][panel][group][lane][panel's channels].
int64_t packed_at(const Cut& cut, int64_t lanes, int64_t piece, int64_t panel) {
  const int64_t begin = cut.group(piece), end = cut.group(piece + 1);
  return (begin * cut.panels + panel * (end - begin)) * lanes * 2 * lanes;
}

// The pixels of the input under one tap, for the rows of a tile.
struct Window {
  const ConvGeometry& s;
  const float* x;
  int64_t image;  // floats of one input
  int rows = 0;
  const float* first[kMostRows];           // of the pixel's image
  ConvGeometry::Sizes at[kMostRows];  // of the first tap, in the padding perhaps

  void place(int64_t row, int count) {
    rows = count;
    for (int r = 0; r < count; ++r, ++row) {
      int64_t rest = row % s.pixels();
      first[r] = x + row / s.pixels() * image;
      for (int d = 2; d >= 0; rest /= s.out[d], --d)
        at[r][d] = rest % s.out[d] * s.stride[d] - s.pad[d];
    }
  }
  // `offset`: of the block of channels.
  void under(int64_t tap, int64_t offset, int64_t lanes, const float** pixels) const {
    ConvGeometry::Sizes shift;
    for (int d = 2; d >= 0; tap /= s.kernel[d], --d) shift[d] = tap % s.kernel[d] * s.dilation[d];
    for (int r = 0; r < rows; ++r) {
      int64_t pixel = 0;
      bool inside = true;
      for (int d = 0; d < 3; ++d) {
        const int64_t i = at[r][d] + shift[d];
        inside &= i >= 0 && i < s.in[d];
        pixel = pixel * s.in[d] + i;
      }
      pixels[r] = inside ? first[r] + offset + pixel * lanes : nullptr;
    }
  }
};

struct Job {
  const ConvGeometry& s;
  const Cut cut;
  const float *x, *packed;
  float* y;
  const ConvEpilogue& epilogue;

  int64_t lanes() const { return kernels().lanes; }
  int64_t rows() const { return s.batch * s.pixels(); }
  int64_t tiles() const { return ceil_div(rows(), kernels().rows); }
  int64_t row(int64_t tile) const { return rows() * tile / tiles(); }
  int height(int64_t tile) const { return static_cast<int>(row(tile + 1) - row(tile)); }
  // Floats from y to a row's first channels.
  int64_t output(int64_t row) const {
    return (row / s.pixels() * cut.out_blocks * s.pixels() + row % s.pixels()) * lanes();
  }
};

// The groups of one piece for all tiles of [begin, end), tile after tile.
void gather_tiles(const Job& job, int64_t begin, int64_t end, int64_t piece, float* to) {
  const int64_t plane = job.s.plane() * job.lanes(), in_blocks = job.cut.in_blocks;
  const int64_t first = job.cut.group(piece), last = job.cut.group(piece + 1);
  Window window{job.s, job.x, in_blocks * plane};
  const float* pixels[kMostRows];
  for (int64_t tile = begin; tile < end; ++tile) {
    const int height = job.height(tile);
    window.place(job.row(tile), height);
    for (int64_t group = first, count; group < last;
         group += count, to += count * height * job.lanes()) {
      count = std::min(in_blocks - group % in_blocks, last - group);
      window.under(group / in_blocks, group % in_blocks * plane, job.lanes(), pixels);
      kernels().gather(pixels, height, plane, count, to);
    }
  }
}

// Some panels of the weights, [begin, end).
struct Panels {
  int64_t begin, end;
};

// The gathered tiles [begin, end) by some panels.
void multiply_tiles(const Job& job, int64_t begin, int64_t end, Panels panels, int64_t piece, const float* gathered) {
  const int64_t lanes = job.lanes(), groups = job.cut.group(piece + 1) - job.cut.group(piece);
  const int64_t panel_floats = groups * lanes * 2 * lanes;
  Tile t{};
  t.groups = groups, t.block_stride = job.s.pixels() * lanes;
  t.first = piece == 0, t.last = piece + 1 == job.cut.pieces, t.relu = job.epilogue.relu;
  t.has_residual = job.epilogue.residual != nullptr;
  if (t.has_residual) t.residual = job.epilogue.residual - job.y;
  t.lines_ahead = static_cast<int>(ceil_div(panel_floats / 16, groups * (end - begin)));
  int64_t outputs[kSharedRows];
  const int64_t row = job.row(begin), rows = job.row(end) - row;
  for (int64_t r = 0; r < rows; ++r) outputs[r] = job.output(row + r);
  for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
    float* y = job.y + 2 * panel * t.block_stride;
    t.b = job.packed + packed_at(job.cut, lanes, piece, panel), t.a = gathered;
    t.ahead = panel + 1 < panels.end || t.last ? t.b + panel_floats
                                               : job.packed + packed_at(job.cut, lanes, piece + 1, panels.begin);
    t.second = 2 * panel + 1 < job.cut.out_blocks;
    t.bias = job.epilogue.bias ? job.epilogue.bias + 2 * panel * lanes : nullptr;
    for (int64_t tile = begin; tile < end; ++tile) {
      t.rows = job.height(tile);
      for (int r = 0; r < t.rows; ++r) t.y[r] = y + outputs[job.row(tile) - row + r];
      kernels().multiply(t);
      t.a += t.rows * groups * lanes, t.ahead += t.lines_ahead * groups * 16;
    }
  }
}

// Blocks of at most `rows` rows, `at_least` of them if there are so many tiles.
struct Blocks {
  int64_t tiles, count;
  Blocks(const Job& job, int64_t rows, int64_t at_least)
      : tiles(job.tiles()), count(std::clamp(ceil_div(tiles, rows / kernels().rows), std::min(at_least, tiles), tiles)) {}
  int64_t begin(int64_t block) const { return tiles * block / count; }
};

size_t own_floats() { return static_cast<size_t>(kBlockRows * (kDepth + kernels().lanes)); }

// Pixels are most of what is read: a block of them at a time to whichever thread asks first, by all panels.
void run_by_pixels(const Job& job, Team& team, int thread, int threads, float* workspace) {
  float* gathered = workspace + static_cast<size_t>(thread) * own_floats();
  const Blocks blocks(job, kBlockRows, kItems * threads);
  for (int64_t i; (i = team.next[0].fetch_add(1)) < blocks.count;) {
    const int64_t begin = blocks.begin(i), end = blocks.begin(i + 1);
    for (int64_t piece = 0; piece < job.cut.pieces; ++piece) {
      gather_tiles(job, begin, end, piece, gathered);
      multiply_tiles(job, begin, end, {0, job.cut.panels}, piece, gathered);
    }
  }
}

// Weights are: all threads gather a block of pixels, then some panels go to whichever thread asks first.
void run_by_panels(const Job& job, Team& team, int thread, int threads, float* gathered) {
  const int64_t lanes = job.lanes(), panels = job.cut.panels, items = std::min(panels, kItems * threads);
  const Blocks blocks(job, kSharedRows, 1);
  for (int64_t block = 0; block < blocks.count; ++block) {
    const int64_t begin = blocks.begin(block), tiles = blocks.begin(block + 1) - begin;
    const int64_t first = job.row(begin), rows = job.row(begin + tiles) - first;
    const auto piece_at = [&](int64_t piece) { return gathered + job.cut.group(piece) * lanes * rows; };
    if (block > 0) team.barrier.wait();
    if (thread == 0) team.next[(block + 1) % 2] = 0;  // nobody counts there until two barriers on
    const int64_t from = begin + tiles * thread / threads, to = begin + tiles * (thread + 1) / threads;
    for (int64_t piece = 0; piece < job.cut.pieces; ++piece) {
      const int64_t depth = (job.cut.group(piece + 1) - job.cut.group(piece)) * lanes;
      gather_tiles(job, from, to, piece, piece_at(piece) + (job.row(from) - first) * depth);
    }
    team.barrier.wait();
    for (int64_t i; (i = team.next[block % 2].fetch_add(1)) < items;)
      for (int64_t piece = 0; piece < job.cut.pieces; ++piece)
        multiply_tiles(job, begin, begin + tiles, {panels * i / items, panels * (i + 1) / items}, piece, piece_at(piece));
  }
}

}  // namespace implicit_gemm

using namespace implicit_gemm;

ImplicitGemm::ImplicitGemm(const ConvGeometry& shape, int threads)
    : shape_(shape), threads_(threads) {}

int ImplicitGemm::block() { return kernels().lanes >= 8 ? static_cast<int>(kernels().lanes) : 0; }

size_t ImplicitGemm::weight_bytes() const {
  const Cut cut(shape_, kernels().lanes);
  return static_cast<size_t>(packed_at(cut, kernels().lanes, cut.pieces - 1, cut.panels)) *
         sizeof(float);
}

size_t ImplicitGemm::workspace_bytes() const {
  const Cut cut(shape_, kernels().lanes);
  const size_t shared = static_cast<size_t>(std::min(kSharedRows, shape_.batch * shape_.pixels()) * cut.groups * kernels().lanes);
  return sizeof(float) * (by_panels() ? shared : own_floats() * static_cast<size_t>(threads_));
}

bool ImplicitGemm::by_panels() const {
  return Cut(shape_, kernels().lanes).panels >= 2 * threads_ && shape_.out_channels >= shape_.batch * shape_.pixels();
}

void ImplicitGemm::pack_weights(const float* w, float* packed) const {
  const int64_t lanes = kernels().lanes, taps = shape_.taps(), in = shape_.in_channels;
  const Cut cut(shape_, lanes);
  parallel_for(cut.panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel)
      for (int64_t piece = 0; piece < cut.pieces; ++piece) {
        float* to = packed + packed_at(cut, lanes, piece, panel);
        for (int64_t group = cut.group(piece); group < cut.group(piece + 1); ++group)
          for (int64_t lane = 0; lane < lanes; ++lane)
            for (int64_t column = 0; column < 2 * lanes; ++column, ++to) {
              const int64_t o = panel * 2 * lanes + column,
                            i = group % cut.in_blocks * lanes + lane;
              *to = o < shape_.out_channels && i < in
                        ? w[(o * in + i) * taps + group / cut.in_blocks]
                        : 0;
            }
      }
  });
}

void ImplicitGemm::run(const float* x, const float* packed, float* y, const ConvEpilogue& epilogue,
                       void* workspace) const {
  const Job job{shape_, Cut(shape_, kernels().lanes), x, packed, y, epilogue};
  run_as_team(threads_, [&](Team& team, int thread, int threads) {
    (by_panels() ? run_by_panels : run_by_pixels)(job, team, thread, threads, static_cast<float*>(workspace));
  });
}

}  // namespace cairn::cpu
#endif
