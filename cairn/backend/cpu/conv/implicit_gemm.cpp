#include "cairn/backend/cpu/conv/implicit_gemm.h"

#include <algorithm>

#include "cairn/backend/cpu/conv/implicit_gemm_job.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace implicit_gemm {
namespace {

// Gathered at a time, so that a piece of so many rows stays in the L2 cache: by one thread for
// itself, by all for all.
constexpr int64_t kBlockRows = 128, kSharedRows = 252;
constexpr int kMostRows = ProductTile::kMostRows;
constexpr int64_t kItems = 8;  // of work for a thread: what slows one down is shared by all

// The pixels of the input under one tap, for the rows of a tile.
struct Window {
  const ConvGeometry& s;
  const float* x;
  int64_t image;  // floats of one input
  int rows = 0;
  const float* first[kMostRows];      // of the pixel's image
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

// A job's rows in tiles, which may span images.
struct Tiles {
  const Job& job;
  int64_t count() const { return ceil_div(job.rows(), product_kernels().rows); }
  int64_t row(int64_t tile) const { return job.rows() * tile / count(); }
  int height(int64_t tile) const { return static_cast<int>(row(tile + 1) - row(tile)); }
};

// The groups of one piece for all tiles of [begin, end), tile after tile.
void gather_tiles(const Job& job, int64_t begin, int64_t end, int64_t piece, float* to) {
  const int64_t lanes = product_kernels().lanes, plane = job.s.plane() * lanes;
  const int64_t in_blocks = job.cut.in_blocks;
  const int64_t first = job.cut.group(piece), last = job.cut.group(piece + 1);
  const Tiles tiles{job};
  Window window{job.s, job.x, job.in_image};
  const float* pixels[kMostRows];
  for (int64_t tile = begin; tile < end; ++tile) {
    const int height = tiles.height(tile);
    window.place(tiles.row(tile), height);
    for (int64_t group = first, count; group < last; group += count, to += count * height * lanes) {
      count = std::min(in_blocks - group % in_blocks, last - group);
      window.under(group / in_blocks, group % in_blocks * plane, lanes, pixels);
      product_kernels().gather(pixels, height, plane, count, to);
    }
  }
}

// The gathered tiles [begin, end) by some panels.
void multiply_tiles(const Job& job, int64_t begin, int64_t end, Panels panels, int64_t piece,
                    const float* gathered) {
  const Cut& cut = job.cut;
  const int64_t lanes = product_kernels().lanes;
  const Tiles tiles{job};
  ProductTile t = job.tile(piece);
  t.a_step = 1;
  t.lines_ahead = static_cast<int>(
      ceil_div(cut.panel_floats(piece) / 16, std::max<int64_t>(1, t.groups * (end - begin))));
  int64_t outputs[kSharedRows];
  const int64_t row = tiles.row(begin), rows = tiles.row(end) - row;
  for (int64_t r = 0; r < rows; ++r) outputs[r] = job.output(row + r);
  for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
    float* y = job.y + 2 * panel * t.block_stride;
    job.take_panel(t, piece, panel);
    t.a = gathered;
    t.ahead = panel + 1 < panels.end || t.last
                  ? t.b + cut.panel_floats(piece)
                  : job.packed + cut.packed_at(piece + 1, panels.begin);
    for (int64_t tile = begin; tile < end; ++tile) {
      t.rows = tiles.height(tile), t.a_group = t.rows * lanes;
      for (int r = 0; r < t.rows; ++r) t.y[r] = y + outputs[tiles.row(tile) - row + r];
      product_kernels().multiply(t);
      t.a += t.groups * t.a_group, t.ahead += t.lines_ahead * t.groups * 16;
    }
  }
}

// Blocks of at most `rows` rows, `at_least` of them if there are so many tiles.
struct Blocks {
  int64_t tiles, count;
  Blocks(const Job& job, int64_t rows, int64_t at_least)
      : tiles(Tiles{job}.count()),
        count(std::clamp(ceil_div(tiles, rows / product_kernels().rows), std::min(at_least, tiles),
                         tiles)) {}
  int64_t begin(int64_t block) const { return tiles * block / count; }
};

size_t own_floats() {
  return static_cast<size_t>(kBlockRows * (product_kernels().depth + product_kernels().lanes));
}

// Pixels are most of what is read: a block of them at a time to whichever thread asks first, by all
// panels.
void run_by_pixels(const Job& job, Shares& shares, int thread, int threads, float* workspace) {
  float* gathered = workspace + static_cast<size_t>(thread) * own_floats();
  const Blocks blocks(job, kBlockRows, kItems * threads);
  for (int64_t i; (i = shares.take(thread, threads, blocks.count)) >= 0;) {
    const int64_t begin = blocks.begin(i), end = blocks.begin(i + 1);
    for (int64_t piece = 0; piece < job.cut.pieces; ++piece) {
      gather_tiles(job, begin, end, piece, gathered);
      multiply_tiles(job, begin, end, {0, job.cut.panels}, piece, gathered);
    }
  }
}

// Weights are: all threads gather a block of pixels, then some panels go to whichever thread asks
// first.
void run_by_panels(const Job& job, Team& team, int thread, int threads, float* gathered) {
  const int64_t panels = job.cut.panels, items = std::min(panels, kItems * threads);
  const Blocks blocks(job, kSharedRows, 1);
  const Tiles all{job};
  for (int64_t block = 0; block < blocks.count; ++block) {
    const int64_t begin = blocks.begin(block), tiles = blocks.begin(block + 1) - begin;
    const int64_t first = all.row(begin), rows = all.row(begin + tiles) - first;
    const auto piece_at = [&](int64_t piece) {
      return gathered + job.cut.group(piece) * product_kernels().lanes * rows;
    };
    if (block > 0) team.barrier.wait();
    if (thread == 0) team.next[(block + 1) % 2] = 0;  // nobody counts there until two barriers on
    const int64_t from = begin + tiles * thread / threads,
                  to = begin + tiles * (thread + 1) / threads;
    for (int64_t piece = 0; piece < job.cut.pieces; ++piece) {
      const int64_t depth = job.cut.groups_of(piece) * product_kernels().lanes;
      gather_tiles(job, from, to, piece, piece_at(piece) + (all.row(from) - first) * depth);
    }
    team.barrier.wait();
    for (int64_t i; (i = team.next[block % 2].fetch_add(1)) < items;)
      for (int64_t piece = 0; piece < job.cut.pieces; ++piece)
        multiply_tiles(job, begin, begin + tiles, {panels * i / items, panels * (i + 1) / items},
                       piece, piece_at(piece));
  }
}

}  // namespace
}  // namespace implicit_gemm

using namespace implicit_gemm;

ImplicitGemm::ImplicitGemm(const ConvGeometry& shape, int threads)
    : shape_(shape), threads_(threads) {}

int ImplicitGemm::block() {
  return product_kernels().lanes >= 8 ? static_cast<int>(product_kernels().lanes) : 0;
}

size_t ImplicitGemm::weight_bytes() const {
  const Cut cut(shape_);
  return static_cast<size_t>(cut.packed_at(cut.pieces - 1, cut.panels)) * sizeof(float);
}

size_t ImplicitGemm::workspace_bytes() const {
  if (reads_in_place(shape_)) return 0;
  if (const LineCut lines(shape_, threads_); lines.lines > 0 && !by_panels())
    return sizeof(float) * static_cast<size_t>(lines.floats(shape_) * threads_);
  const int64_t shared = std::min(kSharedRows, shape_.batch * shape_.pixels()) *
                         Cut(shape_).groups * product_kernels().lanes;
  return sizeof(float) *
         (by_panels() ? static_cast<size_t>(shared) : own_floats() * static_cast<size_t>(threads_));
}

bool ImplicitGemm::by_panels() const {
  return Cut(shape_).panels >= 2 * threads_ &&
         shape_.out_channels >= shape_.batch * shape_.pixels();
}

namespace implicit_gemm {
namespace {

// A block of input channels by a panel, at some taps.
struct PackTile {
  const float* weights;
  const WeightView& w;
  int64_t in_channels, out_channels, ins, outs;  // the first of the tile; how many there are

  // The weights' order decides which of the loops is inside: it reads neighbours.
  void run(const int64_t* from, float* const* to, int64_t taps) const {
    const int64_t lanes = product_kernels().lanes, panel = 2 * lanes;
    const bool lanes_inside = w.in <= w.out;
    for (int64_t a = 0; a < (lanes_inside ? panel : lanes); ++a)
      for (int64_t b = 0; b < (lanes_inside ? lanes : panel); ++b) {
        const int64_t lane = lanes_inside ? b : a, column = lanes_inside ? a : b;
        const int64_t i = in_channels + lane, o = out_channels + column;
        const int64_t at = lane * panel + column;
        if (i >= ins || o >= outs || i / w.ins != o / w.outs) {
          for (int64_t tap = 0; tap < taps; ++tap) to[tap][at] = 0;
          continue;
        }
        const float* data = weights + o / w.outs * w.group + o % w.outs * w.out + i % w.ins * w.in;
        for (int64_t tap = 0; tap < taps; ++tap) to[tap][at] = data[from[tap]];
      }
  }
};

}  // namespace
}  // namespace implicit_gemm

void ImplicitGemm::pack_weights(const float* w, float* packed) const {
  const int64_t taps = shape_.taps();
  pack_weights(w,
               WeightView{shape_.out_channels,
                          shape_.in_channels,
                          shape_.in_channels * taps,
                          taps,
                          0,
                          {shape_.kernel}},
               packed);
}

void ImplicitGemm::pack_weights(const float* w, const WeightView& view, float* packed) const {
  constexpr int64_t kTaps = 32;  // at a time
  const int64_t lanes = product_kernels().lanes, taps = shape_.taps();
  const Cut cut(shape_);
  parallel_for(cut.panels * cut.in_blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t panel = item / cut.in_blocks, block = item % cut.in_blocks;
      const PackTile tile{
          w, view, block * lanes, panel * 2 * lanes, shape_.in_channels, shape_.out_channels};
      int64_t from[kTaps], piece = 0;
      float* to[kTaps];
      for (int64_t first = 0; first < taps; first += kTaps) {
        const int64_t count = std::min(kTaps, taps - first);
        for (int64_t i = 0; i < count; ++i) {
          const int64_t group = (first + i) * cut.in_blocks + block;
          while (group >= cut.group(piece + 1)) ++piece;
          from[i] = view.taps.place(first + i, shape_.kernel);
          to[i] =
              packed + cut.packed_at(piece, panel) + (group - cut.group(piece)) * lanes * 2 * lanes;
        }
        tile.run(from, to, count);
      }
    }
  });
}

void ImplicitGemm::run(const float* x, const float* packed, float* y, const ConvEpilogue& epilogue,
                       void* workspace) const {
  const Job job{shape_, Cut(shape_), x, packed, y, epilogue};
  const bool in_place = reads_in_place(shape_), panels = by_panels();
  auto* floats = static_cast<float*>(workspace);
  const LineCut lines(shape_, threads_);
  Shares shares;
  run_as_team(threads_, [&](Team& team, int thread, int threads) {
    if (in_place) run_in_place(job, panels, shares, thread, threads);
    else if (!panels && lines.lines > 0)
      run_by_lines(job, lines, shares, thread, threads, floats + lines.floats(shape_) * thread);
    else if (panels) run_by_panels(job, team, thread, threads, floats);
    else run_by_pixels(job, shares, thread, threads, floats);
  });
}

}  // namespace cairn::cpu
