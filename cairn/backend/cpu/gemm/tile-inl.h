// The product of packed panels: tiles of a few rows by one panel held in registers (re-included per
// target).
#if defined(CAIRN_GEMM_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_GEMM_TILE_INL_H_
#undef CAIRN_GEMM_TILE_INL_H_
#else
#define CAIRN_GEMM_TILE_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "cairn/backend/cpu/gemm/panels.h"
#include "cairn/backend/cpu/registers-inl.h"
#include "cairn/base/round.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::panels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::HWY_NAMESPACE::keep_in_register;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = HWY_LANES(float);
constexpr int64_t kPanel = 2 * kLanes;
// Sums of a tile in registers: 12 of 16, or 24 of the 32 that AVX-512 has.
constexpr int kTileRows = HWY_TARGET <= HWY_AVX3 ? 12 : 6;
constexpr int64_t kLineFloats = 16;   // of a cache line
constexpr int64_t kDepthBlock = 512;  // a panel's block and a tile's rows stay in the L1 cache
static_assert(kSliceDepth <= kDepthBlock);
// Rows of A that share a pointer: a distance once and twice is what an address can add by itself.
constexpr int kGroupRows = 3;

// Keeps a pointer that a loop moves in a register of its own: GCC would make one of several and
// their distances, of which a dozen do not fit, and fetch those from memory or vectors each time.
HWY_INLINE void keep_pointer(const float*& p) {
#if HWY_COMPILER_GCC
  asm("" : "+r"(p));
#else
  (void)p;
#endif
}

// kRows x kPanels panels of the product; columns are whole panels; a(r, k) = a[r * a_row + k *
// a_depth]. Not inlined: within a large function GCC spills the sums.
template <int kRows, int kPanels>
HWY_NOINLINE void tile(const Product& p, int64_t a_row, int64_t a_depth) {
  constexpr int kVectors = 2 * kPanels, kGroups = (kRows + kGroupRows - 1) / kGroupRows;
  const D d;
  const float* a[kGroups];
#pragma GCC unroll 4
  for (int g = 0; g < kGroups; ++g) a[g] = p.a + g * kGroupRows * a_row;
  const float* b = p.packed;
  const float *init = p.init, *bias = p.bias;
  float* c = p.c;
  const int64_t b_row = p.b_row, panel_stride = p.panel_stride, init_row = p.init_row,
                c_row = p.c_row;
  V sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int64_t line = 0; line < kPanels * kPanel;
         line += kLineFloats) {  // else the stores wait for memory
      hwy::Prefetch(c + r * c_row + line);
      if (init != c) hwy::Prefetch(init + r * init_row + line);
    }
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
#pragma GCC unroll 4  // two in three instructions multiply and add
  for (int64_t k = p.depth; k > 0; --k) {
    V panel[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      panel[v] = hn::LoadU(d, b + (v / 2) * panel_stride + (v % 2) * kLanes);
      if (kRows > 1) keep_in_register(panel[v]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const V factor = hn::Set(d, a[r / kGroupRows][r % kGroupRows * a_row]);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, panel[v], sum[r][v]);
    }
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) a[g] += a_depth, keep_pointer(a[g]);
    b += b_row;
    keep_pointer(b);
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      V start = hn::LoadU(d, init + v * kLanes);
      if (bias) start = hn::Add(start, hn::LoadU(d, bias + v * kLanes));
      hn::StoreU(hn::Add(start, sum[r][v]), d, c + v * kLanes);
    }
    init += init_row;
    c += c_row;
  }
}

template <int kRows>
HWY_INLINE void tile_of_rows(int rows, const Product& p, int64_t a_row, int64_t a_depth) {
  if (rows == kRows) return tile<kRows, 1>(p, a_row, a_depth);
  if constexpr (kRows > 1) tile_of_rows<kRows - 1>(rows, p, a_row, a_depth);
}

// The last panel of C, when it is part: through a whole one.
void part_tile(int rows, const Product& p, int64_t a_row, int64_t a_depth) {
  HWY_ALIGN float whole[kTileRows * kPanel] = {}, bias[kPanel] = {};
  const size_t bytes = p.columns * sizeof(float);
  for (int r = 0; r < rows; ++r) memcpy(whole + r * kPanel, p.init + r * p.init_row, bytes);
  Product q = p;
  q.init = q.c = whole;
  q.init_row = q.c_row = kPanel;
  if (p.bias) q.bias = static_cast<const float*>(memcpy(bias, p.bias, bytes));
  tile_of_rows<kTileRows>(rows, q, a_row, a_depth);
  for (int r = 0; r < rows; ++r) memcpy(p.c + r * p.c_row, whole + r * kPanel, bytes);
}

// One to three rows do not fill the pipeline with one panel; several panels at a time do.
int64_t panels_at_once(int64_t rows) { return rows == 1 ? 4 : rows <= 3 ? 2 : 1; }

void few_rows_tile(int rows, const Product& p, int64_t a_row, int64_t a_depth) {
  if (rows == 1) return tile<1, 4>(p, a_row, a_depth);
  if (rows == 2) return tile<2, 2>(p, a_row, a_depth);
  return tile<3, 2>(p, a_row, a_depth);
}

// Rows are cut into the fewest tiles, of nearly equal height.
struct Tiles {
  int64_t count, height, taller;  // the first `taller` are one row taller
  explicit Tiles(int64_t rows)
      : count(ceil_div(rows, kTileRows)),
        height(count ? rows / count : 0),
        taller(rows - count * height) {}
  int64_t begin(int64_t t) const { return t * height + std::min(t, taller); }
  int64_t height_of(int64_t t) const { return height + (t < taller); }
};

// Fetches what comes next into the L2 cache, spread over the tiles of a product.
class Fetcher {
 public:
  Fetcher(const Product& p, int64_t tiles) : left_{p.ahead[0], p.ahead[1]} {
    each_ = tiles ? ceil_div(left_[0].rows + left_[1].rows, tiles) : 0;
  }
  void step() {
    int64_t rows = each_;
    for (Ahead& left : left_)
      for (; rows > 0 && left.rows > 0; --rows, --left.rows, left.data += left.stride)
        for (int64_t at = 0; at < left.bytes; at += kLine) __builtin_prefetch(left.data + at, 0, 2);
  }

 private:
  static constexpr int64_t kLine = 64;
  Ahead left_[2];
  int64_t each_;
};

// All rows of `p` by its first panel (or the several that few rows take). Moves p's a, init and c
// past them.
void panel_product(Product& p, const Tiles& tiles, int64_t at_once, Fetcher& fetcher) {
  const bool packed = p.a_row == kPackedSlice;  // tile after tile, each [depth][height]
  for (int64_t t = 0; t < tiles.count; ++t) {
    const int rows = static_cast<int>(tiles.height_of(t));
    const int64_t a_row = packed ? 1 : p.a_row, a_depth = packed ? rows : p.a_depth;
    fetcher.step();
    if (at_once > 1) few_rows_tile(rows, p, a_row, a_depth);
    else if (p.columns < kPanel) part_tile(rows, p, a_row, a_depth);
    else tile_of_rows<kTileRows>(rows, p, a_row, a_depth);
    p.a += packed ? rows * p.depth : rows * p.a_row;
    p.init += rows * p.init_row;
    p.c += rows * p.c_row;
  }
}

void multiply(const Product& p) {
  const Tiles tiles(p.rows);
  const int64_t blocks = std::max<int64_t>(1, ceil_div(p.depth, kDepthBlock));
  Fetcher fetcher(p, blocks * tiles.count * ceil_div(p.columns, kPanel));
  for (int64_t k = 0; k == 0 || k < p.depth; k += kDepthBlock) {
    Product q = p;
    q.depth = std::min(kDepthBlock, p.depth - k);
    if (q.b_row == 0) q.b_row = kPanel;
    if (k > 0) q.init = p.c, q.init_row = p.c_row, q.bias = nullptr;
    for (int64_t column = 0, at_once; column < p.columns; column += at_once * kPanel) {
      q.columns = p.columns - column;
      at_once = panels_at_once(p.rows);
      if (q.columns < at_once * kPanel) at_once = 1;
      q.a = p.a + k * p.a_depth;  // a packed slice is never deeper than one block
      q.packed = p.packed + column / kPanel * p.panel_stride + k * q.b_row;
      q.init = (k > 0 ? p.c : p.init) + column;
      q.c = p.c + column;
      if (q.bias) q.bias = p.bias + column;
      panel_product(q, tiles, at_once, fetcher);
    }
  }
}

}  // namespace cairn::cpu::panels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
