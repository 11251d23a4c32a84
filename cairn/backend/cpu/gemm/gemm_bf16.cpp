#include "cairn/backend/cpu/gemm/gemm_bf16.h"

#include <algorithm>

#include "cairn/backend/cpu/gemm/panels.h"
#include "cairn/backend/cpu/gemm/panels_bf16.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"
#include "cairn/base/work_queue.h"

// A block of B is packed by all threads; then they take rows of C, in blocks of A that stay in an
// L2 cache while panels of B pass through it. One instruction does the work of two of f32's on half
// the bytes, so panels are read from the L2 cache at full depth, and sums stay in registers.
namespace cairn::cpu {
namespace {

using panels_bf16::kPanel;

constexpr int64_t kMostElements = 1 << 21;  // of a packed block of B
constexpr int64_t kMostColumns = 4096;
constexpr int64_t kWorthReading = 512;  // columns for which A is read, or packed, once more
constexpr int64_t kDepth = 4096;        // of a block: its sums stay in registers
constexpr int64_t kItems = 4;  // blocks of A for each thread: what slows one down is shared by all
constexpr int64_t kPadding =
    32;  // of a packed panel: else the same row of all panels meets in one set

// A block of B: columns [n, n + columns) of rows [k, k + depth).
struct Block {
  int64_t n, columns, k, depth;
  int64_t pairs() const { return (depth + 1) / 2; }
  int64_t panels() const { return ceil_div(columns, kPanel); }
  int64_t stride() const { return 2 * kPanel * pairs() + kPadding; }
  int64_t elements() const { return panels() * stride(); }
};

int64_t pieces_of(int64_t k) { return ceil_div(k, kDepth); }

// Columns of a block: as many as the kernel would have, but for few of a great depth.
int64_t block_columns(int64_t depth) {
  const auto fit = [&](int64_t elements) {
    return std::clamp(elements / depth / kPanel * kPanel, kPanel, kMostColumns);
  };
  const int64_t columns = fit(panels_bf16::kernels()->block);
  return columns >= kWorthReading ? columns : fit(kMostElements);
}

template <class Body>
void for_blocks(const GemmShape& s, Body body) {
  const int64_t pieces = pieces_of(s.k), deepest = round_up(ceil_div(s.k, pieces), 2);
  const int64_t blocks = ceil_div(s.n, block_columns(deepest)),
                even = round_up(ceil_div(s.n, blocks), kPanel);
  for (int64_t n = 0; n < s.n; n += even)
    for (int64_t k = 0; k < s.k; k += deepest)
      body(Block{n, std::min(even, s.n - n), k, std::min(deepest, s.k - k)});
}

// Rows of A that are multiplied at a time.
int64_t block_rows(const GemmShape& s) {
  constexpr int64_t kAlways = 144;  // however few there are for a thread
  const panels_bf16::Kernels& kernel = *panels_bf16::kernels();
  const int64_t tile = kernel.tile_rows, depth = std::min(round_up(s.k, 2), kDepth);
  const int64_t most = std::min(kernel.slice / depth, kernel.slice_rows);
  const int64_t even = std::max(kAlways, ceil_div(s.m, kItems * num_threads()));
  return std::max(2 * tile, std::min(most, even) / tile * tile);
}

// A in bf16 with dense rows of an even depth is read where it lies.
bool reads_in_place(const GemmShape& s, const Bf16Operand& a) {
  return !a.wide && a.column == 1 && s.k % 2 == 0;
}

int64_t slice_elements(const GemmShape& s, const Bf16Operand& a) {
  if (reads_in_place(s, a)) return 0;
  return round_up(block_rows(s) * std::min(round_up(s.k, 2), kDepth) + kPadding, 32);
}

const float* wide_at(const Bf16Operand& m, int64_t i, int64_t j) {
  return static_cast<const float*>(m.data) + i * m.row + j * m.column;
}
const uint16_t* narrow_at(const Bf16Operand& m, int64_t i, int64_t j) {
  return static_cast<const uint16_t*>(m.data) + i * m.row + j * m.column;
}

// One panel of a B whose columns lie dense, as W^T does: pairs of bf16 are moved like floats.
void pack_dense_columns(const Bf16Operand& b, const Block& block, int64_t panel, uint16_t* to) {
  const panels::Kernels& words = panels::kernels();
  const int64_t n = block.n + panel * kPanel,
                columns = std::min(kPanel, block.columns - panel * kPanel);
  if (!b.wide && b.column % 2 == 0 && block.depth % 2 == 0 &&
      reinterpret_cast<uintptr_t>(b.data) % 4 == 0 && block.k % 2 == 0)
    return words.pack_transposed(reinterpret_cast<const float*>(narrow_at(b, block.k, n)),
                                 b.column / 2, columns, block.pairs(),
                                 reinterpret_cast<float*>(to));
  if (b.wide)
    return panels_bf16::pack_transposed(wide_at(b, block.k, n), b.column, columns, block.depth, to);
  // Columns of an odd length or place.
  for (int64_t k = 0; k < 2 * block.pairs(); ++k)
    for (int64_t c = 0; c < kPanel; ++c)
      to[(k / 2 * kPanel + c) * 2 + k % 2] =
          k < block.depth && c < columns ? *narrow_at(b, block.k + k, n + c) : uint16_t{0};
}

void pack_block(const Bf16Operand& b, const Block& block, uint16_t* packed) {
  constexpr int64_t kGrain = 1 << 13;  // elements worth a thread
  const panels_bf16::Kernels& kernel = *panels_bf16::kernels();
  if (b.column != 1)
    return parallel_for(block.panels(), 1 + kGrain / block.stride(),
                        [&](int64_t first, int64_t last) {
                          for (int64_t i = first; i < last; ++i)
                            pack_dense_columns(b, block, i, packed + i * block.stride());
                        });
  parallel_for(block.pairs(), 1 + kGrain / block.columns, [&](int64_t first, int64_t last) {
    for (int64_t pair = first; pair < last; ++pair) {
      const int64_t k = block.k + 2 * pair;
      const bool whole = 2 * pair + 1 < block.depth;
      uint16_t* to = packed + pair * 2 * kPanel;
      if (b.wide)
        kernel.pair_rows_f32(wide_at(b, k, block.n), whole ? wide_at(b, k + 1, block.n) : nullptr,
                             block.columns, to, block.stride());
      else
        kernel.pair_rows(narrow_at(b, k, block.n), whole ? narrow_at(b, k + 1, block.n) : nullptr,
                         block.columns, to, block.stride());
    }
  });
}

struct Call {
  const GemmShape& shape;
  const Bf16Operand& a;
  const GemmStart& start;
  int64_t block_rows;
  void* c;
  bool wide_c;
  int64_t c_row;
};

// Points the product at rows [row, row + p->rows) of A, packed into `slice` where they cannot be
// read as they lie.
void place_rows(const Call& call, int64_t row, const Block& block, uint16_t* slice,
                panels_bf16::Product* p) {
  const panels_bf16::Kernels& kernel = *panels_bf16::kernels();
  const Bf16Operand& a = call.a;
  if (reads_in_place(call.shape, a)) {
    p->a = narrow_at(a, row, block.k), p->a_row = a.row, p->a_pair = 2;
    return;
  }
  p->a = slice;
  if (a.column != 1) {
    p->a_row = panels_bf16::kPackedTiles;
    if (a.wide)
      kernel.pack_tiles_f32(wide_at(a, row, block.k), a.column, p->rows, block.depth, slice);
    else kernel.pack_tiles(narrow_at(a, row, block.k), a.column, p->rows, block.depth, slice);
    return;
  }
  p->a_row = 2 * block.pairs(), p->a_pair = 2;
  for (int64_t r = 0; r < p->rows; ++r) {
    if (a.wide) kernel.narrow_row(wide_at(a, row + r, block.k), block.depth, slice + r * p->a_row);
    else kernel.copy_row(narrow_at(a, row + r, block.k), block.depth, slice + r * p->a_row);
  }
}

// Rows [begin, end) of C by a packed block of B.
void multiply_rows(const Call& call, int64_t begin, int64_t end, const Block& block,
                   const uint16_t* packed, uint16_t* slice) {
  const int64_t most = call.block_rows;
  for (int64_t row = begin; row < end; row += most) {
    panels_bf16::Product p{};
    p.rows = std::min(most, end - row), p.pairs = block.pairs(), p.columns = block.columns;
    p.packed = packed, p.panel_stride = block.stride();
    const int64_t at = row * call.c_row + block.n;
    if (call.wide_c) p.c = static_cast<float*>(call.c) + at;
    else p.c = static_cast<uint16_t*>(call.c) + at;
    p.c_row = call.c_row, p.narrow = !call.wide_c;
    if (block.k > 0) p.init = static_cast<const float*>(p.c), p.init_row = call.c_row;
    else if (call.start.from)
      p.init = call.start.from + row * call.start.row + block.n, p.init_row = call.start.row;
    if (block.k == 0 && call.start.bias) p.bias = call.start.bias + block.n;
    place_rows(call, row, block, slice, &p);
    panels_bf16::kernels()->multiply(p);
  }
}

// Blocks of rows go to whichever thread asks first.
void multiply_block(const Call& call, const Block& block, const uint16_t* packed,
                    uint16_t* slices) {
  const int64_t m = call.shape.m, wanted = num_threads(), blocks = ceil_div(m, call.block_rows);
  const int64_t elements = slice_elements(call.shape, call.a);
  WorkQueue rows(m, round_up(blocks, wanted), panels_bf16::kernels()->tile_rows);
  parallel_region([&](int thread, int) {
    uint16_t* slice = slices + thread * elements;
    while (const WorkQueue::Piece piece = rows.take())
      multiply_rows(call, piece.begin, piece.end, block, packed, slice);
  });
}

// Sums that do not stay in registers to the end are kept in f32 before they become bf16.
bool keeps_sums(const GemmShape& s, bool wide_c) { return !wide_c && pieces_of(s.k) > 1; }

}  // namespace

bool has_gemm_bf16() { return panels_bf16::kernels() != nullptr; }

size_t gemm_bf16_workspace(const GemmShape& s, const Bf16Operand& a, const Bf16Operand&,
                           bool wide_c) {
  int64_t most = 0;
  for_blocks(s, [&](const Block& b) { most = std::max(most, b.elements()); });
  const int64_t elements = round_up(most, 32) + num_threads() * slice_elements(s, a);
  return static_cast<size_t>(2 * elements + (keeps_sums(s, wide_c) ? 4 * s.m * s.n : 0));
}

void gemm_bf16(const GemmShape& s, const Bf16Operand& a, const Bf16Operand& b,
               const GemmStart& start, void* c, bool wide_c, int64_t c_row, void* workspace) {
  int64_t most = 0;
  for_blocks(s, [&](const Block& block) { most = std::max(most, block.elements()); });
  auto* packed = static_cast<uint16_t*>(workspace);
  uint16_t* slices = packed + round_up(most, 32);
  const bool keeps = keeps_sums(s, wide_c);
  auto* sums = reinterpret_cast<float*>(slices + num_threads() * slice_elements(s, a));
  const Call call = keeps ? Call{s, a, start, block_rows(s), sums, true, s.n}
                          : Call{s, a, start, block_rows(s), c, wide_c, c_row};
  for_blocks(s, [&](const Block& block) {
    pack_block(b, block, packed);
    multiply_block(call, block, packed, slices);
  });
  if (!keeps) return;
  parallel_for(s.m, 1 + (1 << 13) / s.n, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      auto* to = static_cast<uint16_t*>(c) + i * c_row;
      // Whole pairs: narrow_row writes a zero behind an odd number.
      panels_bf16::kernels()->narrow_row(sums + i * s.n, s.n / 2 * 2, to);
      uint16_t last_pair[2];
      if (s.n % 2)
        panels_bf16::kernels()->narrow_row(sums + i * s.n + s.n - 1, 1, last_pair),
            to[s.n - 1] = last_pair[0];
    }
  });
}

}  // namespace cairn::cpu
