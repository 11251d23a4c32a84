#include "cairn/backend/cpu/gemm/product.h"

#include <algorithm>

#include "cairn/backend/cpu/gemm/panels.h"
#include "cairn/backend/cpu/gemv/gemv.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kLine = 16;               // floats of a cache line
constexpr int64_t kWorthAThread = 1 << 17;  // multiplications

int64_t whole_lines(int64_t floats) { return round_up(floats, kLine); }

// A matrix times a vector: then A is what is read once.
bool is_vector(const GemmShape& s, const GemmOperand& a, const GemmOperand& b) {
  return s.n == 1 && b.row == 1 && a.column == 1 && a.row == s.k;
}

// Rows of zeros to start from, and the last panel of B, when it is part: it alone is packed.
int64_t unpacked_floats(const GemmShape& s) {
  return whole_lines(s.n) + panels::kernels().panel * s.k;
}

void unpacked(const GemmShape& s, const GemmOperand& a, const GemmOperand& b,
              const GemmStart& start, float* c, int64_t c_row, float* workspace) {
  const panels::Kernels& kernel = panels::kernels();
  const int64_t panel = kernel.panel, whole = s.n / panel * panel;
  float* last = workspace + whole_lines(s.n);
  panels::Product p{};
  p.a = a.data, p.a_row = a.row, p.a_depth = a.column;
  p.rows = s.m, p.depth = s.k;
  p.init = start.from ? start.from : std::fill_n(workspace, s.n, 0.0f) - s.n,
  p.init_row = start.from ? start.row : 0;
  p.c = c, p.c_row = c_row;
  p.bias = start.bias;
  if (whole < s.n) kernel.pack_plain(b.data + whole, b.row, s.n - whole, s.k, last);
  const int64_t panels = ceil_div(s.n, panel);
  parallel_for(
      panels, std::max<int64_t>(1, kWorthAThread / std::max<int64_t>(1, s.m * s.k * panel)),
      [&](int64_t first, int64_t end) {
        panels::Product q = p;
        const auto columns = [&](int64_t begin, int64_t count, const float* from, int64_t row) {
          if (count <= 0) return;
          q.columns = count, q.packed = from, q.panel_stride = panel, q.b_row = row;
          q.init = p.init + begin, q.c = p.c + begin;
          if (p.bias) q.bias = p.bias + begin;
          kernel.multiply(q);
        };
        columns(first * panel, std::min(end * panel, whole) - first * panel, b.data + first * panel,
                b.row);
        if (end == panels) columns(whole, s.n - whole, last, 0);
      });
}

}  // namespace

const char* name_of(ProductKernel kernel) {
  return kernel == ProductKernel::packed     ? "packed"
         : kernel == ProductKernel::unpacked ? "unpacked"
                                             : "few rows";
}

bool product_works(ProductKernel kernel, const GemmShape& s, const GemmOperand& a,
                   const GemmOperand& b, bool adds) {
  if (kernel == ProductKernel::unpacked) return b.column == 1;
  if (kernel == ProductKernel::few_rows)
    return (is_vector(s, a, b) && !adds) || (a.column == 1 && b.row == 1 && b.column == s.k);
  return true;
}

ProductKernel choose_product(const GemmShape& s, const GemmOperand& a, const GemmOperand& b,
                             bool adds) {
  constexpr int64_t kRowsWorthPacking = 24;
  const int64_t panel = panels::kernels().panel, most_unpacked = a.column == 1 ? 512 : 256;
  // A sum over a vector's lanes at the end of each product, against packing each weight: the deeper
  // the product and the fewer its rows, the less the first costs and the more the second.
  const int64_t few = std::clamp<int64_t>(s.k / 5, 8, panel >= 32 ? 96 : 32);
  if (product_works(ProductKernel::few_rows, s, a, b, adds) && (is_vector(s, a, b) || s.m <= few))
    return ProductKernel::few_rows;
  if (!product_works(ProductKernel::unpacked, s, a, b, adds)) return ProductKernel::packed;
  if (s.m * s.n * s.k <= kWorthAThread) return ProductKernel::unpacked;
  // Rows that lie a multiple of a page apart meet in few sets of the caches, and many tiles would
  // read them; low tiles use little of each line of A's columns.
  constexpr int64_t kPage = 4096 / sizeof(float);
  const bool rows_meet = b.row % kPage == 0 || (a.column == 1 && a.row % kPage == 0);
  const bool low_tiles = a.column != 1 && 2 * panels::kernels().tile_rows < kLine;
  const bool enough_panels = s.n >= panel * num_threads();
  const int64_t most = rows_meet || low_tiles || !enough_panels ? kRowsWorthPacking : most_unpacked;
  return s.m <= most ? ProductKernel::unpacked : ProductKernel::packed;
}

size_t product_workspace(ProductKernel kernel, const GemmShape& s, const GemmOperand& a) {
  if (kernel == ProductKernel::packed) return gemm_workspace(s);
  return kernel == ProductKernel::unpacked ? sizeof(float) * static_cast<size_t>(unpacked_floats(s))
                                           : 0;
}

void product(ProductKernel kernel, const GemmShape& s, const GemmOperand& a, const GemmOperand& b,
             const GemmStart& start, float* c, int64_t c_row, void* workspace) {
  if (s.m * s.n == 0) return;
  const bool adds = start.from || start.bias;
  if (kernel == ProductKernel::few_rows && c_row == 1 && is_vector(s, a, b) && !adds)
    return gemv_f32(a.data, s.m, s.k, b.data, s.k, 1, {}, c, s.m);
  if (kernel == ProductKernel::few_rows)
    return gemv_f32(b.data, s.n, s.k, a.data, a.row, s.m,
                    {.bias = start.bias, .residual = start.from, .residual_stride = start.row}, c,
                    c_row);
  if (kernel == ProductKernel::unpacked)
    return unpacked(s, a, b, start, c, c_row, static_cast<float*>(workspace));
  gemm(s, a, b, start, c, c_row, workspace);
}

}  // namespace cairn::cpu
