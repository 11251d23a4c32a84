// How one Winograd convolution is cut up: tiles, chunks of tiles, buffers. Internal to this folder.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cairn/backend/cpu/winograd/winograd.h"

namespace cairn::cpu {

// What the kernels of the instruction set in use were written for.
struct KernelShape {
  int lanes;  // floats in a vector
  int rows;   // rows of the register tile of the forward product: tiles are taken in groups of so
              // many
  int panel;  // its columns: output channels are taken in panels of so many
  int channels;  // input channels a group of the backward-weights product
};
KernelShape kernel_shape();

// A convolution seen from one direction: backward data is one with in and out exchanged.
//
// A 4x4 kernel of stride 2 is a sum of four 2x2 ones of stride 1, one for each phase (y, x parity)
// of the kernel: phase (r, s) multiplies the pixels (2j + r - pad_top, 2k + s - pad_left). So
// forward reads its input in steps of 2 and contracts 4 times the channels (in_step = 2); backward
// data writes every phase of its output on its own (out_step = 2).
struct Direction {
  int64_t batch, in_blocks, out_blocks, block;
  int64_t in_depth, in_height, in_width, out_depth, out_height, out_width;
  int64_t taps, pad_front;
  int64_t pad_top, pad_left;  // of the forward convolution if out_step is 2
  int64_t in_step = 1, out_step = 1;

  int64_t in_channels() const { return in_blocks * block; }    // padded
  int64_t out_channels() const { return out_blocks * block; }  // padded
  int64_t contracted() const { return in_step * in_step * in_channels(); }

  // The first input row (column) of the tile whose first output of its phase is 0; the first
  // output row of a phase.
  int64_t first_input(int64_t phase, int64_t pad) const {
    return out_step == 2 ? (pad - phase + 1) / 2 - 1 : phase - pad;
  }
  int64_t first_output(int64_t phase, int64_t pad) const {
    return out_step == 2 ? (pad - phase + 1) / 2 * 2 + phase - pad : 0;
  }
};

struct Tile {
  int32_t image, y, x;    // its first output
  int16_t rows, columns;  // outputs: `size`, or fewer at the last row or column
};

struct TileRange {
  int64_t begin, end;
};

// All tiles of a batch. Whole and edge tiles stand apart so that the tiles that use a given point
// are neighbours, in the order: right edge; whole; bottom edge; corner. (A tile spans the full
// depth.)
struct TileGrid {
  int64_t batch = 0, rows = 0, columns = 0;  // whole tiles of an image, down and across
  int size = 4, taps = 3, rest_rows = 0, rest_columns = 0;

  TileGrid() = default;
  TileGrid(const Direction& d, int tile_size, int filter_taps)
      : batch(d.batch), size(tile_size), taps(filter_taps) {
    const int64_t height = d.out_height / d.out_step, width = d.out_width / d.out_step;
    rows = height / size, columns = width / size;
    rest_rows = static_cast<int>(height % size), rest_columns = static_cast<int>(width % size);
  }
  int points() const { return size + taps - 1; }
  int64_t right_edge() const { return rest_columns ? batch * rows : 0; }
  int64_t whole_end() const { return right_edge() + batch * rows * columns; }
  int64_t bottom_end() const { return whole_end() + (rest_rows ? batch * columns : 0); }
  int64_t count() const { return bottom_end() + (rest_rows && rest_columns ? batch : 0); }

  Tile at(int64_t index) const;
  // The tiles of [begin, end) that use point (row, column).
  TileRange users(int row, int column, int64_t begin, int64_t end) const {
    const auto used = [&](int point, int rest) {
      return rest == 0 || point < rest + taps - 2 || point == points() - 1;
    };
    if (!used(row, rest_rows)) end = std::min(end, whole_end());
    if (!used(column, rest_columns))
      begin = std::max(begin, right_edge()), end = std::min(end, bottom_end());
    return {begin, std::max(begin, end)};
  }
};

struct FilterShape {
  int64_t out_channels, in_channels, taps;  // logical, of the forward convolution
  int64_t block, size;                      // size: 3, or 4 for stride 2
  FilterLayout layout;

  int64_t positions() const { return size * size; }
};

// Forward and backward data. Input tiles are transformed to V, multiplied by the transformed filter
// U to M, transformed back.
//   V [point][depth][group of tiles][channel / vector][rows][vector]    U
//   [panel][point][tap][channel][panel] M [point][depth of a slab][tile][panel]
// fused: a thread takes a chunk through all steps in its L2 cache. Not fused (many channels, or few
// tiles): all threads share the V of a chunk and take panels of output channels. own_input: each
// makes all of V for itself, which is quicker than to fetch it from the other's cache.
struct ForwardPlan {
  Direction d;
  FilterShape filter;
  TileGrid grid;
  bool flip;  // backward data: the filter transposed and turned
  int threads, vector;
  bool fused,
      keep_filter;  // keep_filter: U for all panels, else one panel a thread made when needed
  bool own_input;
  bool stream;  // outputs bypass the caches
  int64_t groups, chunks, chunk_groups, slab, panels, splits;
  int64_t phases;  // of the output: each is a convolution of its own, with panels of its own
  int64_t input_plane, input_depth, product_plane, filter_plane, filter_panel;  // strides in floats
  size_t tiles_at, input_at, product_at, filter_at;  // in the workspace, bytes
  size_t tiles_bytes, input_bytes, product_bytes,
      filter_bytes;  // of one thread (or the shared one)
  size_t workspace;
};

// Backward weights: V as above, D = A dY A', dU = sum over tiles V' D, dW = G' dU G.
//   V [point][group of channels][depth][tile][channels]    D [point][panel][depth][tile][panel] dU
//   [panel][tap][point][channel][panel]
// sliced: the chunks are dealt to `slices` partial sums, each with V, D of its own. Else all
// threads share V, D of a chunk and take blocks of dU, turned into dW right after the last chunk.
struct BackwardWeightsPlan {
  Direction d;
  FilterShape filter;
  TileGrid grid;
  int threads, vector;
  bool sliced;
  int64_t tiles, chunks, chunk_tiles, slices, channel_groups, panels;
  int64_t block_groups, blocks;  // not sliced: channel groups a block of dU, blocks
  int64_t input_plane, input_group, gradient_plane, gradient_panel, sum_plane, sum_tap, sum_panel;
  size_t tiles_at, input_at, gradient_at, sum_at;
  size_t tiles_bytes, input_bytes, gradient_bytes, sum_bytes;
  size_t workspace;
};

ForwardPlan plan_forward(const WinogradShape& shape, const WinogradOptions& options,
                         bool backward_data);
BackwardWeightsPlan plan_backward_weights(const WinogradShape& shape,
                                          const WinogradOptions& options);

struct ForwardArgs {
  const float *x, *w, *u;
  float* y;
  ConvEpilogue epilogue;
  char* workspace;
};
void run_forward(const ForwardPlan& plan, const ForwardArgs& args);
void transform_filter(const ForwardPlan& plan, const float* w, float* u);

struct BackwardWeightsArgs {
  const float *x, *dy;
  float* dw;
  char* workspace;
};
void run_backward_weights(const BackwardWeightsPlan& plan, const BackwardWeightsArgs& args);

}  // namespace cairn::cpu
