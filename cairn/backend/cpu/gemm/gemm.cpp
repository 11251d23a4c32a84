#include "cairn/backend/cpu/gemm/gemm.h"

#include <algorithm>
#include <cstring>

#include "cairn/backend/cpu/gemm/panels.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"
#include "cairn/base/work_queue.h"

// C is cut into parts, some columns by some rows, which go to whichever thread asks first: one that
// something else slows down takes fewer. A thread packs what it needs of B itself, a piece of the
// depth at a time, so that it stays in the thread's own L2 cache with a block of rows of A: what
// one core packs and another reads takes longer on its way than packing it twice.
namespace cairn::cpu {
namespace {

// Panels of a part: a piece of B and the next one, as it lies, fill some half of an L2 cache: with
// AVX-512 they are twice as wide as with AVX2, and so are those caches (1 MB). The wider a part,
// the fewer times A is read.
constexpr int64_t kPanels = 12;
constexpr int64_t kPartRows = 576;  // rows for which packing again pays
constexpr int64_t kPadding =
    16;  // of a packed panel: else the same row of all panels meets in one set
constexpr int64_t kWorthAThread = 1 << 17;  // multiplications

int64_t pieces_of(int64_t count, int64_t most) {
  return std::max<int64_t>(1, ceil_div(count, most));
}
int64_t panel() { return panels::kernels().panel; }
bool wide() { return panel() >= 32; }
// Of a piece of B, and of the A that meets it. A panel of 384 by 16 stays in the L1 cache; one of
// 32 columns does not in any case, and deeper pieces add to C less often.
int64_t most_depth() { return wide() ? 512 : 384; }
// Of a block of A, which lies in the L2 cache beside a piece of B; not above kMostTileColumns.
int64_t most_rows() { return wide() ? 48 : 96; }
int64_t panels_of(int64_t columns) { return ceil_div(columns, panel()); }

// A range of the depth: sums are made piece by piece, whatever the number of threads.
struct Piece {
  int64_t k, depth;
  int64_t stride() const {
    return panel() * depth + kPadding;
  }  // floats from packed panel to panel
};
Piece piece_of(int64_t depth, int64_t index) {
  const int64_t count = pieces_of(depth, most_depth()), k = depth * index / count;
  return {k, depth * (index + 1) / count - k};
}

// How C is cut.
struct Cut {
  explicit Cut(const GemmShape& s, int64_t most = num_threads()) : columns(s.n), rows(s.m) {
    const int64_t work = s.m * s.n * std::max<int64_t>(1, s.k);
    threads = static_cast<int>(std::clamp<int64_t>(work / kWorthAThread, 1, most));
    const int64_t panels = panels_of(s.n);
    column_parts = pieces_of(panels, kPanels);
    if (panels >= 2 * threads) column_parts = std::min(panels, round_up(column_parts, threads));
    const int64_t wanted = threads == 1 ? 1 : ceil_div(4 * threads, column_parts);
    row_parts = std::clamp<int64_t>(s.m / kPartRows, 1, wanted);
    const int64_t tiles = std::max<int64_t>(1, s.m / panels::kernels().tile_rows);
    if (column_parts % threads != 0) row_parts = std::min(tiles, round_up(row_parts, threads));
  }
  int64_t parts() const { return column_parts * row_parts; }
  // Of part `index`: columns [n, n_end), whole panels but for the last, and rows [m, m_end).
  int64_t n(int64_t column_part) const {
    return std::min(columns, panels_of(columns) * column_part / column_parts * panel());
  }
  int64_t m(int64_t row_part) const { return rows * row_part / row_parts; }

  int64_t columns, rows;
  int threads;
  int64_t column_parts, row_parts;
};
int64_t most_panels(const Cut& cut) { return ceil_div(panels_of(cut.columns), cut.column_parts); }

// Rows a multiple of a page apart: all of a tile's would meet in one set of the L1 cache, so they
// are copied.
bool rows_meet(const GemmOperand& a) {
  constexpr int64_t kPage = 4096 / sizeof(float);
  return a.column == 1 && a.row % kPage == 0;
}

int64_t slice_floats(const GemmShape& s) {  // what a thread copies of A at a time
  return round_up(round_up(std::min(s.m, most_rows()), panels::kernels().tile_rows) *
                      (std::min(s.k, most_depth()) + kPadding),
                  16);
}
int64_t packed_floats(const GemmShape& s, const Cut& cut) {  // what it packs of B
  return round_up(most_panels(cut) * Piece{0, std::min(s.k, most_depth())}.stride(), 16);
}

struct Product {
  const GemmShape& shape;
  const GemmOperand& a;
  const GemmOperand* b;  // null: packed before
  const float* packed;
  GemmStart start;
  float* c;
  int64_t c_row;
};

// A tile that reads A's columns where they lie uses less than half of each line that it fetches:
// then A is packed.
bool short_tiles() {
  constexpr int64_t kLine = 16;
  return 2 * panels::kernels().tile_rows < kLine;
}

// What one thread works with.
struct Thread {
  float *slice, *packed;
  int64_t column_part = -1, piece = -1;  // what is packed
};

// Where a block of A, or what of B becomes a packed piece, lies.
panels::Ahead place(const GemmOperand& from, int64_t row, int64_t rows, int64_t column,
                    int64_t columns) {
  const auto* data =
      reinterpret_cast<const char*>(from.data + row * from.row + column * from.column);
  constexpr int64_t kFloat = sizeof(float);
  if (from.column == 1) return {data, rows, from.row * kFloat, columns * kFloat};
  return {data, columns, from.column * kFloat, rows * kFloat};
}

// `floats` that lie one after another.
panels::Ahead run_of(const float* from, int64_t floats) {
  constexpr int64_t kBytes = 512;
  return {reinterpret_cast<const char*>(from), floats * int64_t{sizeof(float)} / kBytes, kBytes,
          kBytes};
}

// Columns [n, end) of a piece of B.
void pack(const GemmOperand& b, const Piece& piece, int64_t n, int64_t end, float* packed) {
  const panels::Kernels& kernel = panels::kernels();
  const float* data = b.data + piece.k * b.row + n * b.column;
  if (b.row == 1) {
    for (; n < end; n += kernel.panel, data += kernel.panel * b.column, packed += piece.stride())
      kernel.pack_transposed(data, b.column, std::min(kernel.panel, end - n), piece.depth, packed);
    return;
  }
  for (int64_t k = 0; k < piece.depth; ++k)
    kernel.spread_row(data + k * b.row, end - n, packed + k * kernel.panel, piece.stride());
}

// The panels of B from column n on, packed by this thread unless they already are.
const float* panels_from(const Product& p, const Cut& cut, int64_t column_part, int64_t index,
                         const Piece& piece, Thread& thread) {
  const int64_t n = cut.n(column_part);
  if (!p.b)
    return p.packed + panels_of(p.shape.n) * (panel() * piece.k + index * kPadding) +
           n / panel() * piece.stride();
  if (thread.column_part != column_part || thread.piece != index)
    pack(*p.b, piece, n, cut.n(column_part + 1), thread.packed);
  thread.column_part = column_part, thread.piece = index;
  return thread.packed;
}

// A block of rows of A for the register tiles: as it lies, or the thread's copy.
void read_block(const GemmOperand& a, int64_t row, const Piece& piece, float* slice,
                panels::Product& q) {
  const float* data = a.data + row * a.row + piece.k * a.column;
  if (rows_meet(a)) {
    const int64_t pitch = piece.depth + kPadding;
    for (int64_t i = 0; i < q.rows; ++i)
      std::memcpy(slice + i * pitch, data + i * a.row,
                  sizeof(float) * static_cast<size_t>(piece.depth));
    q.a = slice, q.a_row = pitch;
  } else if (a.column != 1 && short_tiles()) {
    panels::kernels().pack_tiles(data, a.column, q.rows, piece.depth, slice);
    q.a = slice, q.a_row = panels::kPackedSlice;
  } else {
    q.a = data, q.a_row = a.row, q.a_depth = a.column;
  }
}

// Rows [begin, end) by columns [n, n + columns) of one piece of the depth, in blocks of rows of
// whole tiles but for the last. `after`: what is read when this is done.
void multiply_piece(const Product& p, int64_t begin, int64_t end, int64_t n, int64_t columns,
                    const Piece& piece, const float* packed, float* slice,
                    const panels::Ahead (&after)[2]) {
  const panels::Kernels& kernel = panels::kernels();
  const int64_t tiles = ceil_div(end - begin, kernel.tile_rows),
                blocks = pieces_of(end - begin, most_rows());
  const auto row_of = [&](int64_t block) {
    return std::min(end, begin + tiles * block / blocks * kernel.tile_rows);
  };
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t row = row_of(i);
    panels::Product q{};
    q.rows = row_of(i + 1) - row, q.depth = piece.depth, q.columns = columns;
    q.packed = packed, q.panel_stride = piece.stride();
    q.c = p.c + row * p.c_row + n, q.c_row = p.c_row;
    q.init = piece.k == 0 ? p.start.from + row * p.start.row + n : q.c;
    q.init_row = piece.k == 0 ? p.start.row : p.c_row;
    if (piece.k == 0 && p.start.bias) q.bias = p.start.bias + n;
    if (i + 1 < blocks)
      q.ahead[1] =
          place(p.a, row_of(i + 1), row_of(i + 2 < blocks ? i + 2 : blocks) - row_of(i + 1),
                piece.k, piece.depth);
    else q.ahead[0] = after[0], q.ahead[1] = after[1];
    // What was packed before and no block has read yet: each panel while the one before multiplies.
    if (!p.b && i == 0)
      q.ahead[0] = run_of(packed + piece.stride(), (panels_of(columns) - 1) * piece.stride());
    read_block(p.a, row, piece, slice, q);
    kernel.multiply(q);
  }
}

void multiply_part(const Product& p, const Cut& cut, int64_t part, Thread& thread) {
  const int64_t column_part = part % cut.column_parts, row_part = part / cut.column_parts;
  const int64_t n = cut.n(column_part), columns = cut.n(column_part + 1) - n;
  const int64_t begin = cut.m(row_part), end = cut.m(row_part + 1),
                pieces = pieces_of(p.shape.k, most_depth());
  if (columns == 0 || begin == end) return;
  for (int64_t i = 0; i < pieces; ++i) {
    const Piece piece = piece_of(p.shape.k, i);
    const float* packed = panels_from(p, cut, column_part, i, piece, thread);
    panels::Ahead after[2];
    if (i + 1 < pieces) {
      const Piece next = piece_of(p.shape.k, i + 1);
      after[0] = place(p.a, begin, std::min(most_rows(), end - begin), next.k, next.depth);
      if (p.b) after[1] = place(*p.b, next.k, next.depth, n, columns);
    }
    multiply_piece(p, begin, end, n, columns, piece, packed, thread.slice, after);
  }
}

// Scratch memory: for each thread a slice of A and a piece of B, then a row of zeros to start from.
void multiply(Product p, float* scratch) {
  const Cut cut(p.shape);
  const int64_t slice = slice_floats(p.shape),
                each = slice + (p.b ? packed_floats(p.shape, cut) : 0);
  if (!p.start.from)
    p.start.from = std::fill_n(scratch + cut.threads * each, p.shape.n, 0.0f) - p.shape.n,
    p.start.row = 0;
  WorkQueue parts(cut.parts(), cut.parts());
  const auto work = [&](int index, int) {
    Thread thread{scratch + index * each, scratch + index * each + slice};
    while (const WorkQueue::Piece part = parts.take()) multiply_part(p, cut, part.begin, thread);
  };
  if (cut.threads == 1) work(0, 1);
  else parallel_region(work, cut.threads);
}

size_t bytes_of(int64_t floats) { return sizeof(float) * static_cast<size_t>(floats); }

}  // namespace

size_t gemm_workspace(const GemmShape& s) {
  int64_t most = 0;  // of any number of threads that it may run on
  for (int64_t threads = 1; threads <= num_threads(); ++threads) {
    const Cut cut(s, threads);
    most = std::max(most, cut.threads * (slice_floats(s) + packed_floats(s, cut)));
  }
  return bytes_of(most + round_up(s.n, 16));
}

bool gemm_pays(const GemmShape& s) {
  return std::min({s.m, s.n, s.k}) >= 8 && s.m * s.n * s.k >= 1 << 14;
}

void gemm(const GemmShape& s, const GemmOperand& a, const GemmOperand& b, const GemmStart& start,
          float* c, int64_t c_row, void* workspace) {
  if (s.m * s.n > 0) multiply({s, a, &b, nullptr, start, c, c_row}, static_cast<float*>(workspace));
}

size_t gemm_packed_bytes(int64_t n, int64_t k) {
  return bytes_of(panels_of(n) * (panel() * k + pieces_of(k, most_depth()) * kPadding));
}

void gemm_pack(int64_t n, int64_t k, const GemmOperand& b, float* packed) {
  const int64_t panels = panels_of(n), pieces = pieces_of(k, most_depth());
  parallel_for(panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < pieces; ++i) {
      const Piece piece = piece_of(k, i);
      pack(b, piece, begin * panel(), std::min(n, end * panel()),
           packed + panels * (panel() * piece.k + i * kPadding) + begin * piece.stride());
    }
  });
}

size_t gemm_packed_workspace(int64_t n) {
  return bytes_of(num_threads() * slice_floats({most_rows(), n, most_depth()}) + round_up(n, 16));
}

void gemm_packed(const GemmShape& s, const GemmOperand& a, const float* packed,
                 const GemmStart& start, float* c, int64_t c_row, void* workspace) {
  if (s.m * s.n > 0)
    multiply({s, a, nullptr, packed, start, c, c_row}, static_cast<float*>(workspace));
}

}  // namespace cairn::cpu
