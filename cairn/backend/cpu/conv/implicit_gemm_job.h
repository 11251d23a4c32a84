// How the product of a convolution is cut up and where its parts lie. Internal to this folder.
#pragma once
#include <algorithm>

#include "cairn/backend/cpu/conv/implicit_gemm.h"
#include "cairn/backend/cpu/conv/product_tile.h"
#include "cairn/backend/cpu/shares.h"
#include "cairn/backend/cpu/team.h"
#include "cairn/base/round.h"

namespace cairn::cpu::implicit_gemm {

// Sums are taken in an order that only the weight's shape fixes.
struct Cut {
  int64_t in_blocks, out_blocks, panels, groups, pieces;

  explicit Cut(const ConvGeometry& s)
      : in_blocks(ceil_div(s.in_channels, product_kernels().lanes)),
        out_blocks(ceil_div(s.out_channels, product_kernels().lanes)),
        panels(ceil_div(out_blocks, 2)),
        groups(in_blocks * s.taps()),
        pieces(std::max<int64_t>(
            1, ceil_div(groups * product_kernels().lanes, product_kernels().depth))) {}
  int64_t group(int64_t piece) const { return groups * piece / pieces; }  // the first of a piece
  int64_t groups_of(int64_t piece) const { return group(piece + 1) - group(piece); }
  int64_t panel_floats(int64_t piece) const {
    return groups_of(piece) * product_kernels().lanes * 2 * product_kernels().lanes;
  }
  // Where a weight lies: [piece][panel][group][lane][panel's channels].
  int64_t packed_at(int64_t piece, int64_t panel) const {
    const int64_t lanes = product_kernels().lanes;
    return group(piece) * panels * lanes * 2 * lanes + panel * panel_floats(piece);
  }
};

struct Job {
  const ConvGeometry& s;
  const Cut cut;
  const float *x, *packed;
  float* y;
  const ConvEpilogue& epilogue;
  // Floats of an image, in all its channels.
  const int64_t in_image =
                    blocks(s.all_in_channels, cut.in_blocks) * s.plane() * product_kernels().lanes,
                out_image = blocks(s.all_out_channels, cut.out_blocks) * s.out_plane() *
                            product_kernels().lanes;

  static int64_t blocks(int64_t channels, int64_t own) {
    return channels == 0 ? own : ceil_div(channels, product_kernels().lanes);
  }
  int64_t rows() const { return s.batch * s.pixels(); }
  // Floats from y to a row's first channels.
  int64_t output(int64_t row) const {
    int64_t pixel = row % s.pixels();
    if (!s.whole()) {
      const int64_t column = pixel % s.out[2], line = pixel / s.out[2] % s.out[1];
      pixel = pixel / s.out[2] / s.out[1] * s.out_step[0] + s.out_first[0];
      pixel = pixel * s.out_size[1] + line * s.out_step[1] + s.out_first[1];
      pixel = pixel * s.out_size[2] + column * s.out_step[2] + s.out_first[2];
    }
    return row / s.pixels() * out_image + pixel * product_kernels().lanes;
  }
  // What all tiles of a piece have in common.
  ProductTile tile(int64_t piece) const {
    ProductTile t{};
    t.groups = cut.groups_of(piece);
    t.block_stride = s.out_plane() * product_kernels().lanes;
    t.first = piece == 0, t.last = piece + 1 == cut.pieces;
    t.relu = epilogue.relu, t.has_residual = epilogue.residual != nullptr;
    if (t.has_residual) t.residual = epilogue.residual - y;
    return t;
  }
  // Points a tile at a panel of the weights.
  void take_panel(ProductTile& t, int64_t piece, int64_t panel) const {
    t.b = packed + cut.packed_at(piece, panel);
    t.second = 2 * panel + 1 < cut.out_blocks;
    t.bias = epilogue.bias ? epilogue.bias + 2 * panel * product_kernels().lanes : nullptr;
  }
};

// Some panels of the weights.
struct Panels {
  int64_t begin, end;
};

// 1x1 kernels read the input where it lies: see implicit_gemm_pointwise.cpp.
bool reads_in_place(const ConvGeometry& s);
void run_in_place(const Job& job, bool by_panels, Shares& shares, int thread, int threads);

// Rows that are long enough for tiles of their own read copied lines of the input: see
// implicit_gemm_lines.cpp.
struct LineCut {
  int64_t lines = 0;                      // of outputs at a time; 0: gathering pixels is better
  int64_t shares = 1;                     // of the panels, where weights are most of what is read
  ConvGeometry::Sizes window{}, first{};  // what lies under them; its first place, from line 0

  LineCut(const ConvGeometry& s, int threads);
  int64_t floats(const ConvGeometry& s) const;  // of the copy
};
void run_by_lines(const Job& job, const LineCut& cut, Shares& shares, int thread, int threads,
                  float* copied);

}  // namespace cairn::cpu::implicit_gemm
