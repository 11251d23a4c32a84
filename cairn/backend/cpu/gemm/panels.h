// The register tile of products of packed panels, and what packs them; compiled once for each
// instruction set and chosen at run time. Large products and the recurrent layers are built of it.
#pragma once
#include <cstdint>

namespace cairn::cpu::panels {

// What the next product will read and no cache holds yet, `rows` of `bytes` each: it is fetched
// while this one multiplies, some of it for each tile. A multiplication that waits for memory at
// every first touch loses a tenth of its speed.
struct Ahead {
  const char* data = nullptr;
  int64_t rows = 0, stride = 0, bytes = 0;  // stride: bytes from row to row
};

// C = init + A * B. B is packed in panels of Kernels::panel columns, each [depth][panel].
struct Product {
  const float* a;  // element (r, k) lies at a + r * a_row + k * a_depth
  int64_t a_row;   // kPackedSlice: A is what pack_slice left
  int64_t rows, depth;
  const float* packed;
  int64_t panel_stride;  // floats from panel to panel
  int64_t columns;       // of C; the last panel may be part
  const float* init;
  int64_t init_row;  // 0 repeats one row (a bias, zeros); init == c adds to C
  float* c;
  int64_t c_row;
  const float* bias = nullptr;  // one more row to add to each row of C
  int64_t a_depth = 1;
  int64_t b_row = 0;  // floats from row to row of a panel; 0: it is packed
  Ahead ahead[2];
};

inline constexpr int64_t kPackedSlice = -1;

struct Kernels {
  int64_t panel;
  int64_t tile_rows;  // of a tile: rows are cut into the fewest such tiles, of nearly equal height
  void (*multiply)(const Product& product);
  // out[k][n] = w[n * ld + k], zero for n >= rows: one panel of a transposed matrix.
  void (*pack_transposed)(const float* w, int64_t ld, int64_t rows, int64_t depth, float* out);
  // The same with out[k][n] = scale[n] * w[n * ld + k].
  void (*pack_transposed_i8)(const int8_t* w, const float* scale, int64_t ld, int64_t rows,
                             int64_t depth, float* out);
  // out[k][n] = w[k * ld + n], zero for n >= columns: one panel of a plain matrix.
  void (*pack_plain)(const float* w, int64_t ld, int64_t columns, int64_t depth, float* out);
  // Writes one row of a matrix into all its panels, `panel_stride` floats apart.
  void (*spread_row)(const float* row, int64_t columns, float* out, int64_t panel_stride);
  // Packs the transpose of a slice, `columns` <= kSliceColumns by `depth` <= kSliceDepth, as A of a
  // product; sums[n] = sum over k of w[k * ld + n]. Reads up to kRowPadding floats past a row.
  void (*pack_slice)(const float* w, int64_t ld, int64_t columns, int64_t depth, float* out,
                     float* sums);
  // The same without the sums, for slices of any depth and at most kMostTileColumns columns of a
  // matrix with long rows; reads nothing past a row.
  void (*pack_tiles)(const float* w, int64_t ld, int64_t columns, int64_t depth, float* out);
};

inline constexpr int64_t kSliceColumns = 48;  // a multiple of every tile height
inline constexpr int64_t kSliceDepth = 256;
inline constexpr int64_t kMostTileColumns = 96;
inline constexpr int64_t kRowPadding = 16;

const Kernels& kernels();

}  // namespace cairn::cpu::panels
