// The register tile of products of bf16 with sums in f32, and what packs its operands. Numbers lie
// in pairs along the depth: that is what one instruction multiplies. Only where the processor has
// AVX-512 BF16 (panels_bf16.cpp), or that and AMX (panels_amx.cpp).
#pragma once
#include <cstdint>

namespace cairn::cpu::panels_bf16 {

// C = init + A B + bias. B is packed in panels of kPanel columns, each [pair of the
// depth][column][2].
struct Product {
  const uint16_t* a;      // element k of row r: a[r * a_row + k / 2 * a_pair + k % 2]; either is 2
  int64_t a_row, a_pair;  // a_row of kPackedTiles: A is what pack_tiles left
  int64_t rows, pairs;    // an odd depth is filled up with zeros
  const uint16_t* packed;
  int64_t panel_stride;  // elements from panel to panel
  int64_t columns;       // of C; the last panel may be part
  const float* init;     // null: nothing; c itself adds to C
  int64_t init_row;
  const float* bias;  // one row, null: none
  void* c;            // f32, or bf16 where `narrow`
  int64_t c_row;      // elements
  bool narrow;
};

inline constexpr int64_t kPackedTiles = -1;
inline constexpr int64_t kPanel = 32;

struct Kernels {
  int64_t tile_rows;   // of C that are multiplied at a time
  int64_t slice;       // elements of A that are multiplied by one panel after the other
  int64_t slice_rows;  // of them at most
  int64_t block;       // elements of B that are multiplied by all of A before the next ones
  void (*multiply)(const Product& product);
  // to[j] = from[j] in bf16, and a zero behind an odd number of them.
  void (*narrow_row)(const float* from, int64_t count, uint16_t* to);
  void (*copy_row)(const uint16_t* from, int64_t count, uint16_t* to);
  // Two rows of a matrix, the second perhaps null (zeros), as one row of pairs of all its panels;
  // the last panel is filled up with zeros.
  void (*pair_rows_f32)(const float* first, const float* second, int64_t columns, uint16_t* to,
                        int64_t panel_stride);
  void (*pair_rows)(const uint16_t* first, const uint16_t* second, int64_t columns, uint16_t* to,
                    int64_t panel_stride);
  // Packs the transpose of `depth` rows of at most slice_rows elements as A of a product.
  void (*pack_tiles_f32)(const float* w, int64_t ld, int64_t columns, int64_t depth, uint16_t* to);
  void (*pack_tiles)(const uint16_t* w, int64_t ld, int64_t columns, int64_t depth, uint16_t* to);
};

// Null where the processor, or the instruction set that Highway was left, has no AVX-512 BF16; by
// AMX where the processor has that.
const Kernels* kernels();
const Kernels* with_amx(const Kernels& plain);  // the same where Highway was left without AVX-512

// One panel of a transposed matrix in f32, rounded: to[pair k][n][2] from w[n * ld + k], zeros for
// n >= rows and behind an odd depth. Only where kernels() exist.
void pack_transposed(const float* w, int64_t ld, int64_t rows, int64_t depth, uint16_t* to);

}  // namespace cairn::cpu::panels_bf16
