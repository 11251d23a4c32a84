// How the product of a convolution is cut up and where its parts lie. Internal to this folder.
#pragma once
#include <algorithm>

#include "cairn/backend/cpu/conv/implicit_gemm.h"
#include "cairn/backend/cpu/conv/product_tile.h"
#include "cairn/backend/cpu/shares.h"
#include "cairn/backend/cpu/team.h"

namespace cairn::cpu::implicit_gemm {

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Sums are taken in an order that only the weight's shape fixes.
struct Cut {
  int64_t in_blocks, out_blocks, panels, groups, pieces;

  explicit Cut(const ConvGeometry& s)
      : in_blocks(ceil_div(s.in_channels, product_kernels().lanes)),
        out_blocks(ceil_div(s.out_channels, product_kernels().lanes)),
        panels(ceil_div(out_blocks, 2)),
        groups(in_blocks * s.taps()),
        pieces(ceil_div(groups * product_kernels().lanes, product_kernels().depth)) {}
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

  int64_t rows() const { return s.batch * s.pixels(); }
  // Floats from y to a row's first channels.
  int64_t output(int64_t row) const {
    const int64_t image = row / s.pixels();
    return (image * cut.out_blocks * s.pixels() + row % s.pixels()) * product_kernels().lanes;
  }
  // What all tiles of a piece have in common.
  ProductTile tile(int64_t piece) const {
    ProductTile t{};
    t.groups = cut.groups_of(piece);
    t.block_stride = s.pixels() * product_kernels().lanes;
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

}  // namespace cairn::cpu::implicit_gemm
