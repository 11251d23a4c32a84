#include "cairn/backend/cpu/gemm/gemm.h"

#include <algorithm>

#include "cairn/backend/cpu/gemm/panels.h"
#include "cairn/base/parallel.h"
#include "cairn/base/work_queue.h"

// A block of B is packed by all threads; then they take rows of C, in blocks of A that stay in an L2 cache
// while panels of B pass through the L1 cache. A with dense rows is read where it lies.
namespace cairn::cpu {
namespace {

constexpr int64_t kMostFloats = 1 << 20;  // of a packed block of B: it stays in the L3 cache
constexpr int64_t kMostColumns = 4096;    // of that block
constexpr int64_t kDepth = 384;           // of a panel that stays in the L1 cache
constexpr int64_t kPackedDepth = 376;     // where A is packed: its tiles begin in different sets of that cache
constexpr int64_t kPadding = 16;          // of a packed panel: else the same row of all panels meets in one set
constexpr int64_t kRows = panels::kMostTileColumns;  // of a block of A

int64_t rounded_up(int64_t x, int64_t unit) { return (x + unit - 1) / unit * unit; }

// A block of B: columns [n, n + columns) of rows [k, k + depth), packed in panels.
struct Block {
  int64_t n, columns, k, depth;
  int64_t panels() const { return (columns + panels::kernels().panel - 1) / panels::kernels().panel; }
  int64_t stride() const { return panels::kernels().panel * depth + kPadding; }  // floats from panel to panel
  int64_t floats() const { return panels() * stride(); }
};

template <class Body>
void for_blocks(int64_t n, int64_t k, Body body) {
  const int64_t columns = std::min(n, kMostColumns);
  const int64_t most = std::max(kDepth, kMostFloats / rounded_up(columns, 16) / kDepth * kDepth);
  const int64_t pieces = (k + most - 1) / most;
  for (int64_t i = 0; i < n; i += columns)
    for (int64_t j = 0; j < pieces; ++j)
      body(Block{i, std::min(columns, n - i), k * j / pieces, k * (j + 1) / pieces - k * j / pieces});
}

// What a thread packs of A at a time: nothing where rows are dense.
int64_t slice_floats(const GemmShape& s, bool dense_rows) {
  return dense_rows ? 0 : rounded_up(rounded_up(std::min(s.m, kRows), panels::kernels().tile_rows) * std::min(s.k, kDepth), 16);
}

struct Product {
  const GemmShape& shape;
  const GemmOperand& a;
  GemmStart start;
  float* c;
  int64_t c_row;
  float* slices;
};

// By all threads; rows that lie dense are cut at once for all panels.
void pack_block(const GemmOperand& b, const Block& block, float* packed) {
  const panels::Kernels& kernel = panels::kernels();
  const int64_t panel = kernel.panel, stride = block.stride();
  constexpr int64_t kGrain = 1 << 13;  // floats worth a thread
  const float* data = b.data + block.k * b.row + block.n * b.column;
  if (b.row == 1)
    return parallel_for(block.panels(), 1 + kGrain / stride, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i)
        kernel.pack_transposed(data + i * panel * b.column, b.column, std::min(panel, block.columns - i * panel), block.depth,
                               packed + i * stride);
    });
  parallel_for(block.depth, 1 + kGrain / block.columns, [&](int64_t first, int64_t last) {
    for (int64_t j = first; j < last; ++j) kernel.spread_row(data + j * b.row, block.columns, packed + j * panel, stride);
  });
}

// Rows [begin, end) of C by a packed block of B.
void multiply_rows(const Product& p, int64_t begin, int64_t end, const Block& block, const float* packed, float* slice) {
  const panels::Kernels& kernel = panels::kernels();
  const bool dense_rows = p.a.column == 1;
  const int64_t tiles = (end - begin + kernel.tile_rows - 1) / kernel.tile_rows, blocks = (end - begin + kRows - 1) / kRows;
  const int64_t most = dense_rows ? kDepth : kPackedDepth, pieces = (block.depth + most - 1) / most;
  for (int64_t step = 0; step < blocks * pieces; ++step) {
    // C stays in the cache where A need not be packed; else A's rows are read where the last piece ended.
    const int64_t i = dense_rows ? step / pieces : step % blocks, piece = dense_rows ? step % pieces : step / blocks;
    // Whole tiles, but for the last block.
    const int64_t row = begin + tiles * i / blocks * kernel.tile_rows;
    const int64_t rows = std::min(end, begin + tiles * (i + 1) / blocks * kernel.tile_rows) - row;
    const int64_t j = block.depth * piece / pieces, k = block.k + j;
    panels::Product q{};
    q.rows = rows, q.depth = block.depth * (piece + 1) / pieces - j, q.columns = block.columns;
    q.packed = packed + j * kernel.panel, q.panel_stride = block.stride();
    q.c = p.c + row * p.c_row + block.n, q.c_row = p.c_row;
    q.init = k == 0 ? p.start.from + row * p.start.row + block.n : q.c;
    q.init_row = k == 0 ? p.start.row : p.c_row;
    if (k == 0 && p.start.bias) q.bias = p.start.bias + block.n;
    if (dense_rows) {
      q.a = p.a.data + row * p.a.row + k, q.a_row = p.a.row;
    } else {
      const float* from = p.a.data + row + k * p.a.column;
      kernel.pack_tiles(from, p.a.column, rows, q.depth, slice);
      q.a = slice, q.a_row = panels::kPackedSlice;
    }
    kernel.multiply(q);
  }
}

// Blocks of rows go to whichever thread asks first: one that something else slows down takes fewer, and nobody waits. Where A
// is packed each thread has its own rows instead, for the caches and the order in which it reads A.
void multiply_block(const Product& p, const Block& block, const float* packed) {
  const int64_t m = p.shape.m, wanted = num_threads(), blocks = (m + kRows - 1) / kRows;
  WorkQueue rows(m, (blocks + wanted - 1) / wanted * wanted, panels::kernels().tile_rows);
  parallel_region([&](int thread, int threads) {
    float* slice = p.slices + thread * slice_floats(p.shape, p.a.column == 1);
    if (p.a.column != 1) return multiply_rows(p, m * thread / threads, m * (thread + 1) / threads, block, packed, slice);
    while (const WorkQueue::Piece piece = rows.take()) multiply_rows(p, piece.begin, piece.end, block, packed, slice);
  });
}

// A product whose scratch memory lies at `scratch`.
Product product_of(const GemmShape& s, const GemmOperand& a, const GemmStart& start, float* c, int64_t c_row, float* scratch) {
  Product p{s, a, start, c, c_row, scratch};
  if (!start.from) {
    float* zeros = scratch + num_threads() * slice_floats(s, a.column == 1);
    p.start.from = std::fill_n(zeros, s.n, 0.0f) - s.n, p.start.row = 0;
  }
  return p;
}
int64_t scratch_floats(const GemmShape& s, bool dense_rows) {
  return num_threads() * slice_floats(s, dense_rows) + rounded_up(s.n, 16);
}

}  // namespace

size_t gemm_workspace(const GemmShape& s, bool dense_rows) {
  int64_t most = 0;
  for_blocks(s.n, s.k, [&](const Block& b) { most = std::max(most, b.floats()); });
  return sizeof(float) * static_cast<size_t>(most + scratch_floats(s, dense_rows));
}

bool gemm_pays(const GemmShape& s) { return std::min({s.m, s.n, s.k}) >= 8 && s.m * s.n * s.k >= 1 << 14; }

void gemm(const GemmShape& s, const GemmOperand& a, const GemmOperand& b, const GemmStart& start, float* c,
          int64_t c_row, void* workspace) {
  float* scratch = static_cast<float*>(workspace);
  float* packed = scratch + scratch_floats(s, a.column == 1);
  const Product p = product_of(s, a, start, c, c_row, scratch);
  for_blocks(s.n, s.k, [&](const Block& block) {
    pack_block(b, block, packed);
    multiply_block(p, block, packed);
  });
}

size_t gemm_packed_bytes(int64_t n, int64_t k) {
  int64_t floats = 0;
  for_blocks(n, k, [&](const Block& b) { floats += b.floats(); });
  return sizeof(float) * static_cast<size_t>(floats);
}

void gemm_pack(int64_t n, int64_t k, const GemmOperand& b, float* packed) {
  for_blocks(n, k, [&](const Block& block) {
    pack_block(b, block, packed);
    packed += block.floats();
  });
}

size_t gemm_packed_workspace(int64_t n) { return sizeof(float) * static_cast<size_t>(scratch_floats({kRows, n, kDepth}, false)); }

void gemm_packed(const GemmShape& s, const GemmOperand& a, const float* packed, const GemmStart& start, float* c,
                 int64_t c_row, void* workspace) {
  const Product p = product_of(s, a, start, c, c_row, static_cast<float*>(workspace));
  for_blocks(s.n, s.k, [&](const Block& block) {
    multiply_block(p, block, packed);
    packed += block.floats();
  });
}

}  // namespace cairn::cpu
