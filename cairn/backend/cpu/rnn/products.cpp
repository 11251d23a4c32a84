#include "cairn/backend/cpu/rnn/products.h"

#include <algorithm>

#include "cairn/backend/cpu/gemm/panels_bf16.h"

namespace cairn::cpu::rnn {
namespace {

using panels_bf16::kPanel;

int64_t even(int64_t depth) { return depth + depth % 2; }
uint16_t* elements(float* panel) { return reinterpret_cast<uint16_t*>(panel); }
const uint16_t* elements(const float* panel) { return reinterpret_cast<const uint16_t*>(panel); }

panels_bf16::Product narrow_product(const Product& p) {
  panels_bf16::Product q{};
  q.pairs = even(p.depth) / 2, q.rows = p.rows;
  q.packed = elements(p.packed), q.panel_stride = 2 * p.panel_stride, q.columns = p.columns;
  q.init = p.init, q.init_row = p.init_row, q.bias = p.bias;
  q.c = p.c, q.c_row = p.c_row;
  return q;
}

}  // namespace

int64_t narrow_elements(const RnnPlan& p, int64_t depth) {
  return p.config.bf16 ? kTileRows * std::max(even(depth), kSliceDepth) : 0;
}

void multiply(const RnnPlan& p, const Product& product, uint16_t* narrow) {
  if (!p.config.bf16) return kernels().multiply(product);
  const panels_bf16::Kernels& kernel = *panels_bf16::kernels();
  panels_bf16::Product q = narrow_product(product);
  q.a = narrow, q.a_row = even(product.depth), q.a_pair = 2;
  for (int64_t row = 0; row < product.rows; row += kTileRows) {
    q.rows = std::min(kTileRows, product.rows - row);
    for (int64_t r = 0; r < q.rows; ++r)
      kernel.narrow_row(product.a + (row + r) * product.a_row, product.depth, narrow + r * q.a_row);
    q.init = product.init + row * product.init_row;
    q.c = product.c + row * product.c_row;
    kernel.multiply(q);
  }
}

void pack_transposed(const RnnPlan& p, const float* w, int64_t ld, int64_t rows, int64_t depth,
                     float* panel) {
  if (p.config.bf16) panels_bf16::pack_transposed(w, ld, rows, depth, elements(panel));
  else kernels().pack_transposed(w, ld, rows, depth, panel);
}

void pack_plain(const RnnPlan& p, const float* w, int64_t ld, int64_t columns, int64_t depth,
                int64_t padded, float* panel, int64_t first) {
  if (!p.config.bf16) {
    float* to = panel + first * p.panel;
    kernels().pack_plain(w, ld, columns, depth, to);
    std::fill_n(to + depth * p.panel, (padded - depth) * p.panel, 0.0f);
    return;
  }
  uint16_t* to = elements(panel) + first * kPanel;
  for (int64_t k = 0; k < depth; k += 2)
    panels_bf16::kernels()->pair_rows_f32(w + k * ld, k + 1 < depth ? w + (k + 1) * ld : nullptr,
                                          std::min(columns, kPanel), to + k * kPanel, 0);
  std::fill_n(to + even(depth) * kPanel, (padded - even(depth)) * kPanel, uint16_t{0});
}

void pair_panel(float* panel, int64_t rows) {
  for (int64_t k = 0; k < rows; k += 2)
    panels_bf16::kernels()->pair_rows_f32(panel + k * kPanel,
                                          k + 1 < rows ? panel + (k + 1) * kPanel : nullptr, kPanel,
                                          elements(panel) + k * kPanel, 0);
}

void pack_narrow_slice(const float* w, int64_t ld, int64_t columns, int64_t depth,
                       uint16_t* narrow) {
  panels_bf16::kernels()->pack_tiles_f32(w, ld, columns, depth, narrow);
}

void multiply_slice(const Product& product, const uint16_t* narrow, int64_t first_row) {
  panels_bf16::Product q = narrow_product(product);
  q.a = narrow, q.a_row = panels_bf16::kPackedTiles;
  q.packed += first_row * kPanel;
  panels_bf16::kernels()->multiply(q);
}

}  // namespace cairn::cpu::rnn
