#include "cairn/backend/cpu/gemm/gemm.h"

#include <algorithm>
#include <cstring>

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

// The blocks of B in their order.
class Blocks {
 public:
  // piecewise: a block is no deeper than what is multiplied at a time; while it is, the next one is
  // fetched.
  Blocks(int64_t n, int64_t k, bool piecewise) : n_(n), k_(k), columns_(std::min(n, kMostColumns)) {
    const int64_t most =
        piecewise ? kPackedDepth
                  : std::max(kDepth, kMostFloats / rounded_up(columns_, 16) / kDepth * kDepth);
    pieces_ = (k + most - 1) / most;
  }
  int64_t count() const { return n_ == 0 ? 0 : (n_ + columns_ - 1) / columns_ * pieces_; }
  Block at(int64_t index) const {
    const int64_t n = index / pieces_ * columns_, j = index % pieces_, k = k_ * j / pieces_;
    return {n, std::min(columns_, n_ - n), k, k_ * (j + 1) / pieces_ - k};
  }

 private:
  int64_t n_, k_, columns_, pieces_ = 0;
};

// Rows a multiple of a page apart: all of a tile's would meet in one set of the L1 cache, so they
// are copied.
constexpr int64_t kWorthCopying = 64;  // columns that use it
bool rows_meet(const GemmOperand& a) {
  constexpr int64_t kPage = 4096 / sizeof(float);
  return a.column == 1 && a.row % kPage == 0;
}

// What a thread packs or copies of A at a time.
int64_t slice_floats(const GemmShape& s) {
  return rounded_up(rounded_up(std::min(s.m, kRows), panels::kernels().tile_rows) *
                        (std::min(s.k, kDepth) + kPadding),
                    16);
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

// Where a thread's part of a block of B lies before it is packed; no more than the L2 cache can
// hold beside the rest.
panels::Ahead part_of(const GemmOperand& b, const Block& block, int thread, int threads) {
  constexpr int64_t kFloat = sizeof(float), kMostBytes = 384 << 10;
  const int64_t panel = panels::kernels().panel;
  const bool transposed = b.row == 1;
  const int64_t rows = transposed ? block.columns : block.depth,
                bytes = (transposed ? block.depth : block.columns) * kFloat;
  const int64_t units = transposed ? block.panels() : rows, unit = transposed ? panel : 1,
                step = transposed ? b.column : b.row;
  const int64_t begin = units * thread / threads * unit,
                end = std::min(rows, units * (thread + 1) / threads * unit);
  const float* data = b.data + block.k * b.row + block.n * b.column + begin * step;
  return {reinterpret_cast<const char*>(data), std::min(end - begin, kMostBytes / bytes),
          step * kFloat, bytes};
}

// A block of rows of C by a piece of the depth of a packed block of B: what is multiplied at a
// time.
struct Step {
  int64_t row, rows, j, depth;  // j: from the block's own depth
};

// The steps of a thread's rows [begin, end), in their order.
class Steps {
 public:
  Steps(int64_t begin, int64_t end, const Block& block, bool dense_rows)
      : begin_(begin),
        end_(end),
        depth_(block.depth),
        dense_rows_(dense_rows),
        unit_(panels::kernels().tile_rows),
        tiles_((end - begin + unit_ - 1) / unit_),
        blocks_((end - begin + kRows - 1) / kRows) {
    const int64_t most = dense_rows ? kDepth : kPackedDepth;
    pieces_ = (depth_ + most - 1) / most;
  }
  int64_t count() const { return blocks_ * pieces_; }
  Step at(int64_t step) const {
    // C stays in the cache where A need not be packed; else A's rows are read where the last piece ended.
    const int64_t i = dense_rows_ ? step / pieces_ : step % blocks_,
                  piece = dense_rows_ ? step % pieces_ : step / blocks_;
    const int64_t row =
        begin_ + tiles_ * i / blocks_ * unit_;  // whole tiles, but for the last block
    const int64_t j = depth_ * piece / pieces_;
    return {row, std::min(end_, begin_ + tiles_ * (i + 1) / blocks_ * unit_) - row, j,
            depth_ * (piece + 1) / pieces_ - j};
  }

 private:
  int64_t begin_, end_, depth_;
  bool dense_rows_;
  int64_t unit_, tiles_, blocks_, pieces_ = 0;
};

// Where A lies that a step reads.
panels::Ahead operand_of(const Product& p, const Block& block, const Step& step) {
  const float* data = p.a.data + step.row * p.a.row + (block.k + step.j) * p.a.column;
  const bool dense_rows = p.a.column == 1;
  constexpr int64_t kFloat = sizeof(float);
  return {reinterpret_cast<const char*>(data), dense_rows ? step.rows : step.depth,
          (dense_rows ? p.a.row : p.a.column) * kFloat,
          (dense_rows ? step.depth : step.rows) * kFloat};
}

void multiply_step(const Product& p, const Step& step, const Block& block, const float* packed,
                   float* slice, const panels::Ahead (&ahead)[2]) {
  const panels::Kernels& kernel = panels::kernels();
  const int64_t row = step.row, k = block.k + step.j;
  panels::Product q{};
  q.rows = step.rows, q.depth = step.depth, q.columns = block.columns;
  q.packed = packed + step.j * kernel.panel, q.panel_stride = block.stride();
  q.c = p.c + row * p.c_row + block.n, q.c_row = p.c_row;
  q.init = k == 0 ? p.start.from + row * p.start.row + block.n : q.c;
  q.init_row = k == 0 ? p.start.row : p.c_row;
  q.ahead[0] = ahead[0], q.ahead[1] = ahead[1];
  if (k == 0 && p.start.bias) q.bias = p.start.bias + block.n;
  const float* a = p.a.data + row * p.a.row + k * p.a.column;
  if (rows_meet(p.a) && block.columns > kWorthCopying) {
    const int64_t pitch = step.depth + kPadding;
    for (int64_t i = 0; i < step.rows; ++i)
      std::memcpy(slice + i * pitch, a + i * p.a.row, sizeof(float) * step.depth);
    q.a = slice, q.a_row = pitch;
  } else if (p.a.column == 1) {
    q.a = a, q.a_row = p.a.row;
  } else {
    kernel.pack_tiles(a, p.a.column, step.rows, step.depth, slice);
    q.a = slice, q.a_row = panels::kPackedSlice;
  }
  kernel.multiply(q);
}

// Rows [begin, end) of C by a packed block of B; what is read after the last step is `after`.
void multiply_rows(const Product& p, int64_t begin, int64_t end, const Block& block,
                   const float* packed, float* slice, const panels::Ahead (&after)[2]) {
  const Steps steps(begin, end, block, p.a.column == 1);
  for (int64_t i = 0; i + 1 < steps.count(); ++i)
    multiply_step(p, steps.at(i), block, packed, slice,
                  {operand_of(p, block, steps.at(i + 1)), {}});
  if (steps.count() > 0) multiply_step(p, steps.at(steps.count() - 1), block, packed, slice, after);
}

// Rows of A that lie dense go to whichever thread asks first: one that something else slows down
// takes fewer, and nobody waits.
void multiply_dense(const Product& p, const Block& block, const float* packed) {
  const int64_t m = p.shape.m, wanted = num_threads(), blocks = (m + kRows - 1) / kRows;
  WorkQueue rows(m, (blocks + wanted - 1) / wanted * wanted, panels::kernels().tile_rows);
  parallel_region([&](int thread, int threads) {
    float* slice = p.slices + thread * slice_floats(p.shape);
    while (const WorkQueue::Piece piece = rows.take()) {
      const WorkQueue::Piece next = rows.likely_after(piece, threads);
      panels::Ahead after[2];
      if (next) after[0] = operand_of(p, block, Steps(next.begin, next.end, block, true).at(0));
      multiply_rows(p, piece.begin, piece.end, block, packed, slice, after);
    }
  });
}

// Where A is packed each thread has its own rows instead, for the caches and the order in which it
// reads A. Meanwhile it fetches what it will read of the next block.
void multiply_packed(const Product& p, const Block& block, const float* packed,
                     const GemmOperand* b, const Block* next) {
  const int64_t m = p.shape.m;
  parallel_region([&](int thread, int threads) {
    const int64_t begin = m * thread / threads, end = m * (thread + 1) / threads;
    panels::Ahead after[2];
    if (next && begin < end) {
      after[0] = operand_of(p, *next, Steps(begin, end, *next, false).at(0));
      if (b) after[1] = part_of(*b, *next, thread, threads);
    }
    multiply_rows(p, begin, end, block, packed, p.slices + thread * slice_floats(p.shape), after);
  });
}

// b: what the next block will be packed from; null where it is packed.
void multiply_block(const Product& p, const Block& block, const float* packed, const GemmOperand* b,
                    const Block* next) {
  if (p.a.column == 1) multiply_dense(p, block, packed);
  else multiply_packed(p, block, packed, b, next);
}

// A product whose scratch memory lies at `scratch`.
Product product_of(const GemmShape& s, const GemmOperand& a, const GemmStart& start, float* c, int64_t c_row, float* scratch) {
  Product p{s, a, start, c, c_row, scratch};
  if (!start.from) {
    float* zeros = scratch + num_threads() * slice_floats(s);
    p.start.from = std::fill_n(zeros, s.n, 0.0f) - s.n, p.start.row = 0;
  }
  return p;
}
int64_t scratch_floats(const GemmShape& s) {
  return num_threads() * slice_floats(s) + rounded_up(s.n, 16);
}

}  // namespace

size_t gemm_workspace(const GemmShape& s, bool dense_rows) {
  const Blocks blocks(s.n, s.k, !dense_rows);
  int64_t most = 0;
  for (int64_t i = 0; i < blocks.count(); ++i) most = std::max(most, blocks.at(i).floats());
  return sizeof(float) * static_cast<size_t>(most + scratch_floats(s));
}

bool gemm_pays(const GemmShape& s) { return std::min({s.m, s.n, s.k}) >= 8 && s.m * s.n * s.k >= 1 << 14; }

void gemm(const GemmShape& s, const GemmOperand& a, const GemmOperand& b, const GemmStart& start, float* c,
          int64_t c_row, void* workspace) {
  float* scratch = static_cast<float*>(workspace);
  float* packed = scratch + scratch_floats(s);
  const Product p = product_of(s, a, start, c, c_row, scratch);
  const Blocks blocks(s.n, s.k, a.column != 1);
  for (int64_t i = 0; i < blocks.count(); ++i) {
    const Block block = blocks.at(i), next = i + 1 < blocks.count() ? blocks.at(i + 1) : Block{};
    pack_block(b, block, packed);
    multiply_block(p, block, packed, &b, i + 1 < blocks.count() ? &next : nullptr);
  }
}

size_t gemm_packed_bytes(int64_t n, int64_t k) {
  const Blocks blocks(n, k, false);
  int64_t floats = 0;
  for (int64_t i = 0; i < blocks.count(); ++i) floats += blocks.at(i).floats();
  return sizeof(float) * static_cast<size_t>(floats);
}

void gemm_pack(int64_t n, int64_t k, const GemmOperand& b, float* packed) {
  const Blocks blocks(n, k, false);
  for (int64_t i = 0; i < blocks.count(); packed += blocks.at(i++).floats())
    pack_block(b, blocks.at(i), packed);
}

size_t gemm_packed_workspace(int64_t n) {
  return sizeof(float) * static_cast<size_t>(scratch_floats({kRows, n, kDepth}));
}

void gemm_packed(const GemmShape& s, const GemmOperand& a, const float* packed, const GemmStart& start, float* c,
                 int64_t c_row, void* workspace) {
  const Product p = product_of(s, a, start, c, c_row, static_cast<float*>(workspace));
  const Blocks blocks(s.n, s.k, false);
  for (int64_t i = 0; i < blocks.count(); packed += blocks.at(i++).floats())
    multiply_block(p, blocks.at(i), packed, nullptr, nullptr);
}

}  // namespace cairn::cpu
