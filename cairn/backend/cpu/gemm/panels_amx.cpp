// The register tile of products of bf16 on processors with AMX: eight tiles of 16 rows of 64 bytes,
// four of which hold 32 x 32 sums while one instruction adds 16 x 16 x 32 products to one of them.
// B lies as for AVX-512 BF16 (panels_bf16.h), the rows of A must be dense in pairs.
//
// TDPBF16PS: subnormal inputs and sums count as zero, and each step rounds to nearest even. Intel,
// "Architecture Instruction Set Extensions Programming Reference".
#include "cairn/backend/cpu/gemm/panels_bf16.h"

#include "cairn/backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/gemm/panels_amx.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "cairn/backend/cpu/amx-inl.h"
#include "cairn/backend/cpu/gemm/panels_bf16-inl.h"
#include "cairn/base/caches.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::panels_bf16::HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3

namespace hn = hwy::HWY_NAMESPACE;
using amx::HWY_NAMESPACE::kTileBytes;
using amx::HWY_NAMESPACE::kTileLines;
using amx::HWY_NAMESPACE::Tiles;
using amx::HWY_NAMESPACE::transpose_words;

namespace {

using W = hn::FixedTag<uint32_t, 16>;
constexpr int64_t kPairs = 16;                // of the depth, in a tile
constexpr int64_t kAmxRows = 2 * kTileLines;  // of C, at a time
constexpr int64_t kPanelLine = 2 * kPanel * static_cast<int64_t>(sizeof(uint16_t));

// Of bf16, in half of an L2 cache.
int64_t block_elements() { return caches().l2 / 2 / static_cast<int64_t>(sizeof(uint16_t)); }

// What is left of the depth behind whole tiles, filled up with zeros: nothing outside of the
// operands is read, and nothing that is no number is multiplied by a zero.
struct Rest {
  alignas(64) uint16_t a[kAmxRows * 2 * kPairs];
  alignas(64) uint16_t b[kPairs * 2 * kPanel];
};

HWY_INLINE void copy_rest_of_b(const Product& p, int64_t whole, Rest& rest) {
  const W w;
  const int64_t pairs = p.pairs - whole;
  const auto* from = reinterpret_cast<const uint32_t*>(p.packed) + whole * kPanel;
  auto* to = reinterpret_cast<uint32_t*>(rest.b);
  for (int64_t i = 0; i < kPairs * kPanel; i += 16)
    hn::Store(i < pairs * kPanel ? hn::LoadU(w, from + i) : hn::Zero(w), w, to + i);
}

// `pairs` pairs from `pair` on of `rows` rows of A as lines of tiles, the rest of each zero.
HWY_INLINE void lines_of_a(const Product& p, int64_t pair, int64_t pairs, int64_t rows,
                           uint16_t* to) {
  const W w;
  const uint16_t* from = p.a + pair * p.a_pair;
  auto* words = reinterpret_cast<uint32_t*>(to);
  if (p.a_pair == 2) {
    const auto some = hn::FirstN(w, static_cast<size_t>(pairs));
    for (int64_t r = 0; r < rows; ++r, from += p.a_row, words += kPairs)
      hn::Store(hn::MaskedLoad(some, w, reinterpret_cast<const uint32_t*>(from)), w, words);
    return;
  }
  for (int64_t r = 0; r < rows; r += kTileLines) {  // rows lie side by side, pairs apart
    const auto some = hn::FirstN(w, static_cast<size_t>(std::min(rows - r, kTileLines)));
    __m512i lines[16];
    for (int64_t k = 0; k < kPairs; ++k)
      lines[k] =
          k < pairs
              ? hn::MaskedLoad(some, w, reinterpret_cast<const uint32_t*>(from + k * p.a_pair) + r)
                    .raw
              : _mm512_setzero_si512();
    transpose_words(lines);
    for (int64_t i = 0; i < kTileLines; ++i) _mm512_store_si512(words + (r + i) * kPairs, lines[i]);
  }
}

// Sums 0 to 3 lie as [upper, lower rows][left, right columns]; 4 and 5 hold A, 6 and 7 B.
template <bool kLower>
HWY_INLINE void multiply_tiles(const uint16_t* a, int64_t a_row, const uint16_t* b) {
  Tiles::load<6>(b, kPanelLine), Tiles::load<4>(a, 2 * a_row);
  Tiles::multiply_bf16<0, 4, 6>();
  Tiles::load<7>(b + kPanel, kPanelLine);
  Tiles::multiply_bf16<1, 4, 7>();
  if constexpr (kLower) {
    Tiles::load<5>(a + kTileLines * a_row, 2 * a_row);
    Tiles::multiply_bf16<2, 5, 6>(), Tiles::multiply_bf16<3, 5, 7>();
  }
}

// At most kAmxRows rows by one panel; the tiles are configured for them.
template <bool kLower>
HWY_NOINLINE void block_of_tiles(const Product& p, Rest& rest) {
  Tiles::clear<0>(), Tiles::clear<1>();
  if constexpr (kLower) Tiles::clear<2>(), Tiles::clear<3>();
  const int64_t whole = p.pairs / kPairs * kPairs;
  for (int64_t pair = 0; pair < whole; pair += kPairs) {
    const uint16_t* b = p.packed + pair * 2 * kPanel;
    if (p.a_pair == 2) {
      multiply_tiles<kLower>(p.a + 2 * pair, p.a_row, b);
    } else {
      lines_of_a(p, pair, kPairs, p.rows, rest.a);
      multiply_tiles<kLower>(rest.a, 2 * kPairs, b);
    }
  }
  if (whole < p.pairs) {
    lines_of_a(p, whole, p.pairs - whole, p.rows, rest.a);
    multiply_tiles<kLower>(rest.a, 2 * kPairs, rest.b);
  }
  const auto store = [](float* to, int64_t row) HWY_ATTR {
    Tiles::store<0>(to, 4 * row), Tiles::store<1>(to + kTileLines, 4 * row);
    if constexpr (kLower)
      Tiles::store<2>(to + kTileLines * row, 4 * row),
          Tiles::store<3>(to + kTileLines * (row + 1), 4 * row);
  };
  if (!p.init && !p.bias && !p.narrow && p.columns >= kPanel)
    return store(static_cast<float*>(p.c), p.c_row);
  HWY_ALIGN float sums[kAmxRows * kPanel];
  store(sums, kPanel);
  finish_rows(p, sums, p.rows);
}

// A block of B that stays in the L2 cache is read once for each block of rows, so that rows of C
// are written from end to end: 64 bytes of one row after the other, each in a page of its own, take
// longer than the products. What is left of a depth would be copied each time, though.
bool goes_by_rows(const Product& p) {
  return p.pairs % kPairs == 0 && 2 * p.pairs * p.columns <= block_elements();
}

// Rows [begin, begin + rows of a block), and so on up to `end`, of all panels.
void multiply_blocks(const Product& product, int64_t begin, int64_t end, Rest& rest) {
  if (begin == end) return;
  const int64_t height = std::min(kAmxRows, end - begin), size = product.narrow ? 2 : 4;
  Tiles::configure(std::min(height, kTileLines), std::max<int64_t>(0, height - kTileLines));
  const auto block_at = [&](int64_t row, int64_t column) {
    Product p = product;
    p.packed += column / kPanel * p.panel_stride, p.columns -= column, p.rows = height;
    if (p.bias) p.bias += column;
    if (p.init) p.init += row * p.init_row + column;
    p.a += row * p.a_row;
    p.c = static_cast<char*>(p.c) + (row * p.c_row + column) * size;
    return p;
  };
  const auto multiply = [&](const Product& p) {
    if (height > kTileLines) block_of_tiles<true>(p, rest);
    else block_of_tiles<false>(p, rest);
  };
  if (goes_by_rows(product)) {
    for (int64_t row = begin; row < end; row += height)
      for (int64_t column = 0; column < product.columns; column += kPanel)
        multiply(block_at(row, column));
    return;
  }
  const int64_t whole = product.pairs / kPairs * kPairs;
  for (int64_t column = 0; column < product.columns; column += kPanel) {
    if (whole < product.pairs) copy_rest_of_b(block_at(begin, column), whole, rest);
    for (int64_t row = begin; row < end; row += height) multiply(block_at(row, column));
  }
}

void multiply_by_amx(const Product& product) {
  Product p = product;
  if (p.a_row == kPackedTiles) p.a_row = 2 * p.pairs, p.a_pair = 2;
  const int64_t whole = p.rows / kAmxRows * kAmxRows;
  Rest rest;
  multiply_blocks(p, 0, whole, rest);
  multiply_blocks(p, whole, p.rows, rest);
  Tiles::release();
}

// The transpose as dense rows of pairs.
template <class T>
void pack_rows(const T* from, int64_t ld, int64_t columns, int64_t depth, uint16_t* to) {
  const W w;
  const int64_t pairs = (depth + 1) / 2;
  auto* words = reinterpret_cast<uint32_t*>(to);
  for (int64_t pair = 0; pair < pairs; pair += kPairs)
    for (int64_t c = 0; c < columns; c += kTileLines) {
      const int64_t rows = std::min(columns - c, kTileLines);
      __m512i lines[16];
      for (int64_t k = 0; k < kPairs; ++k) {
        const T* first = from + 2 * (pair + k) * ld + c;
        const int64_t left = depth - 2 * (pair + k);
        lines[k] = paired(left > 0 ? load_some(first, rows) : hn::Zero(H()),
                          left > 1 ? load_some(first + ld, rows) : hn::Zero(H()))
                       .raw;
      }
      transpose_words(lines);
      const auto some = hn::FirstN(w, static_cast<size_t>(std::min(pairs - pair, kPairs)));
      for (int64_t r = 0; r < rows; ++r)
        hn::BlendedStore(hn::Vec<W>{lines[r]}, some, w, words + (c + r) * pairs + pair);
    }
}

}  // namespace

const Kernels* table_amx(const Kernels& plain) {
  static const Kernels kTable = [&] {
    Kernels k = plain;
    k.multiply = multiply_by_amx, k.tile_rows = kAmxRows;
    // Panels come from the last cache, far slower than they are multiplied: once for many rows.
    k.slice = k.block = block_elements(), k.slice_rows = 2048;
    k.pack_tiles_f32 = pack_rows<float>, k.pack_tiles = pack_rows<uint16_t>;
    return k;
  }();
  return &kTable;
}

#else

const Kernels* table_amx(const Kernels& plain) { return &plain; }

#endif

}  // namespace cairn::cpu::panels_bf16::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu::panels_bf16 {
HWY_EXPORT(table_amx);

const Kernels* with_amx(const Kernels& plain) { return HWY_DYNAMIC_DISPATCH(table_amx)(plain); }

}  // namespace cairn::cpu::panels_bf16
#endif
