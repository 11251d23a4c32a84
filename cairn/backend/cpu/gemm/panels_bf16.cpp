#include "cairn/backend/cpu/gemm/panels_bf16.h"

#include "cairn/backend/cpu/simd_targets.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/gemm/panels_bf16.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "cairn/backend/cpu/gemm/panels_bf16-inl.h"
#include "cairn/backend/cpu/registers-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::panels_bf16::HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3

namespace hn = hwy::HWY_NAMESPACE;
using cpu::HWY_NAMESPACE::add_products;
using cpu::HWY_NAMESPACE::keep_in_register;
using W = hn::FixedTag<uint32_t, 16>;
constexpr int64_t kTileRows = 12, kSlice = 160 << 10, kSliceRows = 144;
constexpr int64_t kBlock = 1 << 21;  // it stays in the L3 cache

HWY_INLINE uint32_t pair_at(const uint16_t* a) {
  uint32_t pair;
  memcpy(&pair, a, sizeof pair);
  return pair;
}

// kRows rows by one panel. Not inlined: within a large function GCC spills the sums.
template <int kRows>
HWY_NOINLINE void tile(const Product& p, int64_t a_row, int64_t a_pair) {
  const D d;
  const W w;
  const uint16_t *a = p.a, *b = p.packed;
  V sum[kRows][2];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    hwy::Prefetch(static_cast<const char*>(p.c) +
                  r * p.c_row * (p.narrow ? 2 : 4));  // else the stores wait for memory
    sum[r][0] = sum[r][1] = hn::Zero(d);
  }
#pragma GCC unroll 2
  for (int64_t i = p.pairs; i > 0; --i, a += a_pair, b += 2 * kPanel) {
    auto left = hn::LoadU(w, reinterpret_cast<const uint32_t*>(b));
    auto right = hn::LoadU(w, reinterpret_cast<const uint32_t*>(b) + kLanes);
    keep_in_register(left), keep_in_register(right);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const auto factor = hn::Set(w, pair_at(a + r * a_row));
      add_products(sum[r][0], factor, left);
      add_products(sum[r][1], factor, right);
    }
  }
  HWY_ALIGN float sums[kRows * kPanel];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    hn::Store(sum[r][0], d, sums + r * kPanel);
    hn::Store(sum[r][1], d, sums + r * kPanel + kLanes);
  }
  finish_rows(p, sums, kRows);
}

template <int kRows>
HWY_INLINE void tile_of_rows(int64_t rows, const Product& p, int64_t a_row, int64_t a_pair) {
  if (rows == kRows) return tile<kRows>(p, a_row, a_pair);
  if constexpr (kRows > 1) tile_of_rows<kRows - 1>(rows, p, a_row, a_pair);
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

void multiply(const Product& product) {
  const Tiles tiles(product.rows);
  const bool packed = product.a_row == kPackedTiles;
  const int64_t size = product.narrow ? 2 : 4;
  for (int64_t column = 0; column < product.columns; column += kPanel)
    for (int64_t t = 0; t < tiles.count; ++t) {
      const int64_t row = tiles.begin(t), height = tiles.height_of(t);
      Product p = product;
      p.a += packed ? row * 2 * p.pairs : row * p.a_row;
      p.packed += column / kPanel * p.panel_stride, p.columns -= column;
      if (p.init) p.init += row * p.init_row + column;
      if (p.bias) p.bias += column;
      p.c = static_cast<char*>(p.c) + (row * p.c_row + column) * size;
      tile_of_rows<kTileRows>(height, p, packed ? 2 : p.a_row, packed ? 2 * height : p.a_pair);
    }
}

template <class T>
void narrow_into(const T* from, int64_t count, uint16_t* to) {
  const H h;
  const int64_t padded = count + count % 2;
  for (int64_t j = 0; j < padded; j += kLanes)
    hn::BlendedStore(load_some(from + j, count - j),
                     hn::FirstN(h, static_cast<size_t>(std::min(padded - j, kLanes))), h, to + j);
}

template <class T>
void spread_pairs(const T* first, const T* second, int64_t columns, uint16_t* to,
                  int64_t panel_stride) {
  const W w;
  for (int64_t n = 0; n < columns; n += kPanel, to += panel_stride)
    for (int64_t v = 0; v < kPanel; v += kLanes) {
      const int64_t count = columns - n - v;
      const auto upper = second ? load_some(second + n + v, count) : hn::Zero(H());
      hn::StoreU(paired(load_some(first + n + v, count), upper), w,
                 reinterpret_cast<uint32_t*>(to + 2 * v));
    }
}

template <class T>
void pack_into_tiles(const T* from, int64_t ld, int64_t columns, int64_t depth, uint16_t* to) {
  constexpr int64_t kAhead = 8;
  const W w;
  const Tiles tiles(columns);
  const int64_t pairs = (depth + 1) / 2;
  for (int64_t pair = 0; pair < pairs; ++pair, from += 2 * ld) {
    const T* second = 2 * pair + 1 < depth ? from + ld : nullptr;
    // Rows of a large matrix are pages apart, and nothing prefetches the next ones.
    if (2 * pair + kAhead + 1 < depth)
      for (int64_t i = 0; i < columns; i += 64 / static_cast<int64_t>(sizeof(T)))
        hwy::Prefetch(from + kAhead * ld + i), hwy::Prefetch(from + (kAhead + 1) * ld + i);
    for (int64_t t = 0; t < tiles.count; ++t) {
      const int64_t begin = tiles.begin(t), height = tiles.height_of(t);
      uint16_t* out = to + (begin * pairs + pair * height) * 2;
      auto* word = reinterpret_cast<uint32_t*>(out);
      // Past the tile's row are the next one's numbers, which are written later; past the last
      // rows, the next tile.
      if (begin + kLanes <= columns && (pairs - pair) * height >= kLanes) {
        const auto upper = second ? load_some(second + begin, kLanes) : hn::Zero(H());
        hn::StoreU(paired(load_some(from + begin, kLanes), upper), w, word);
        continue;
      }
      const auto upper = second ? load_some(second + begin, height) : hn::Zero(H());
      hn::BlendedStore(paired(load_some(from + begin, height), upper),
                       hn::FirstN(w, static_cast<size_t>(height)), w, word);
    }
  }
}

const Kernels* table() {
  static const Kernels kTable = {kTileRows,
                                 kSlice,
                                 kSliceRows,
                                 kBlock,
                                 multiply,
                                 narrow_into<float>,
                                 narrow_into<uint16_t>,
                                 spread_pairs<float>,
                                 spread_pairs<uint16_t>,
                                 pack_into_tiles<float>,
                                 pack_into_tiles<uint16_t>};
  return &kTable;
}

#else

const Kernels* table() { return nullptr; }

#endif

}  // namespace cairn::cpu::panels_bf16::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cairn/backend/cpu/gemm/panels.h"
#include "cairn/backend/cpu/x86_extensions.h"

namespace cairn::cpu::panels_bf16 {
HWY_EXPORT(table);

const Kernels* kernels() {
  if (!x86_extensions().bf16) return nullptr;
  const Kernels* plain = HWY_DYNAMIC_DISPATCH(table)();
  return plain && x86_extensions().amx ? with_amx(*plain) : plain;
}

void pack_transposed(const float* w, int64_t ld, int64_t rows, int64_t depth, uint16_t* to) {
  constexpr int64_t kSome = 32;  // rows of the panel in f32 at a time
  alignas(64) float wide[kSome * kPanel];
  for (int64_t k = 0; k < depth; k += kSome) {
    const int64_t some = std::min(kSome, depth - k);
    panels::kernels().pack_transposed(w + k, ld, rows, some, wide);
    for (int64_t j = 0; j < some; j += 2, to += 2 * kPanel)
      kernels()->pair_rows_f32(wide + j * kPanel, j + 1 < some ? wide + (j + 1) * kPanel : nullptr,
                               kPanel, to, 0);
  }
}

}  // namespace cairn::cpu::panels_bf16
#endif
