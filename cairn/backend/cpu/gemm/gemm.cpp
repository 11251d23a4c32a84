#include "cairn/backend/cpu/gemm/gemm.h"

#include <algorithm>
#include <cstring>

#include "cairn/backend/cpu/rnn/kernels.h"
#include "cairn/base/parallel.h"

// A block of B is packed by all threads; then each takes rows of C, in blocks of A that stay in its L2 cache
// while panels of B pass through its L1 cache. A with dense rows is read where it lies.
namespace cairn::cpu {
namespace {

constexpr int64_t kMostFloats = 1 << 20;  // of a packed block of B: it stays in the L3 cache
constexpr int64_t kMostColumns = 4096;    // of that block
constexpr int64_t kDepth = 384;           // of a panel that stays in the L1 cache
constexpr int64_t kPackedDepth = 376;     // where A is packed: its tiles begin in different sets of that cache
constexpr int64_t kPadding = 16;          // of a packed panel: else the same row of all panels meets in one set
constexpr int64_t kRows = rnn::kMostTileColumns;  // of a block of A

int64_t rounded_up(int64_t x, int64_t unit) { return (x + unit - 1) / unit * unit; }

struct Blocking {
  int64_t columns, depth;  // of a packed block of B
};
Blocking blocking_of(const GemmShape& s) {
  const int64_t columns = std::min(s.n, kMostColumns);
  const int64_t most = std::max(kDepth, kMostFloats / rounded_up(columns, 16) / kDepth * kDepth);
  return {columns, std::min(s.k, most)};
}

int64_t packed_floats(const GemmShape& s) {
  const Blocking b = blocking_of(s);
  const int64_t panel = rnn::kernels().panel;
  return (b.columns + panel - 1) / panel * (panel * b.depth + kPadding);
}
constexpr int64_t kSliceFloats = kRows * kDepth;

struct Product {
  const GemmShape& shape;
  const GemmOperand &a, &b;
  GemmStart start;
  float* c;
  int64_t c_row;
  float *packed, *slices;
};

// B's block at (k, n), by all threads: rows that lie dense are cut at once for all panels.
void pack_block(const Product& p, int64_t k, int64_t depth, int64_t n, int64_t columns) {
  const rnn::Kernels& kernel = rnn::kernels();
  const int64_t panel = kernel.panel, stride = panel * depth + kPadding;
  constexpr int64_t kGrain = 1 << 13;  // floats worth a thread
  if (p.b.row == 1)
    return parallel_for((columns + panel - 1) / panel, 1 + kGrain / (panel * depth), [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i)
        kernel.pack_transposed(p.b.data + k + (n + i * panel) * p.b.column, p.b.column, std::min(panel, columns - i * panel),
                               depth, p.packed + i * stride);
    });
  parallel_for(depth, 1 + kGrain / columns, [&](int64_t first, int64_t last) {
    for (int64_t j = first; j < last; ++j) kernel.spread_row(p.b.data + (k + j) * p.b.row + n, columns, p.packed + j * panel, stride);
  });
}

// Rows [begin, end) of C by a packed block of B.
void multiply_rows(const Product& p, int64_t begin, int64_t end, int64_t k, int64_t depth, int64_t n, int64_t columns,
                   float* slice) {
  const rnn::Kernels& kernel = rnn::kernels();
  const bool dense_rows = p.a.column == 1;
  const int64_t blocks = (end - begin + kRows - 1) / kRows;
  for (int64_t i = 0; i < blocks; ++i) {
    // Whole tiles, but for the last block.
    const int64_t tiles = (end - begin + kernel.tile_rows - 1) / kernel.tile_rows;
    const int64_t row = begin + tiles * i / blocks * kernel.tile_rows;
    const int64_t rows = std::min(end, begin + tiles * (i + 1) / blocks * kernel.tile_rows) - row;
    const int64_t most = dense_rows ? kDepth : kPackedDepth, pieces = (depth + most - 1) / most;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const int64_t j = depth * piece / pieces;
      rnn::Product q{};
      q.rows = rows, q.depth = depth * (piece + 1) / pieces - j, q.columns = columns;
      q.packed = p.packed + j * kernel.panel, q.panel_stride = kernel.panel * depth + kPadding;
      q.c = p.c + row * p.c_row + n, q.c_row = p.c_row;
      const bool first = k + j == 0;
      q.init = first ? p.start.from + row * p.start.row + n : q.c;
      q.init_row = first ? p.start.row : p.c_row;
      if (first && p.start.bias) q.bias = p.start.bias + n;
      if (dense_rows) {
        q.a = p.a.data + row * p.a.row + k + j, q.a_row = p.a.row;
      } else {
        const float* from = p.a.data + row + (k + j) * p.a.column;
        kernel.pack_tiles(from, p.a.column, rows, q.depth, slice);
        q.a = slice, q.a_row = rnn::kPackedSlice;
      }
      kernel.multiply(q);
    }
  }
}

}  // namespace

size_t gemm_workspace(const GemmShape& s) {
  const int64_t zeros = rounded_up(s.n, 16);
  return sizeof(float) * static_cast<size_t>(packed_floats(s) + num_threads() * kSliceFloats + zeros);
}

bool gemm_pays(const GemmShape& s) { return std::min({s.m, s.n, s.k}) >= 96 && s.m * s.n * s.k >= 1 << 24; }

void gemm(const GemmShape& s, const GemmOperand& a, const GemmOperand& b, const GemmStart& start, float* c,
          int64_t c_row, void* workspace) {
  const Blocking block = blocking_of(s);
  Product p{s, a, b, start, c, c_row, static_cast<float*>(workspace), nullptr};
  p.slices = p.packed + packed_floats(s);
  if (!start.from) {
    float* zeros = p.slices + num_threads() * kSliceFloats;
    p.start.from = std::fill_n(zeros, s.n, 0.0f) - s.n, p.start.row = 0;
  }
  for (int64_t n = 0; n < s.n; n += block.columns)
    for (int64_t k = 0; k < s.k; k += block.depth) {
      const int64_t columns = std::min(block.columns, s.n - n), depth = std::min(block.depth, s.k - k);
      pack_block(p, k, depth, n, columns);
      parallel_region([&](int thread, int threads) {
        const int64_t begin = s.m * thread / threads, end = s.m * (thread + 1) / threads;
        multiply_rows(p, begin, end, k, depth, n, columns, p.slices + thread * kSliceFloats);
      });
    }
}

}  // namespace cairn::cpu
