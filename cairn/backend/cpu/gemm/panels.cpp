#include "cairn/backend/cpu/gemm/panels.h"

#include "cairn/backend/cpu/simd_targets.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/gemm/panels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cairn/backend/cpu/gemm/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::panels::HWY_NAMESPACE {

constexpr int kSquare = 16;  // bytes of a vector of 128 bits

// Four numbers of every fourth row from w on: those of row 4 b fill block b of the vector.
HWY_INLINE V load_blocks(const float* w, int64_t ld) {
  const D d;
  V v = hn::LoadDup128(d, w);
#pragma GCC unroll 4
  for (int64_t b = 1; b < kLanes / 4; ++b)
    v = hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(4 * b)), v,
                       hn::LoadDup128(d, w + 4 * b * ld));
  return v;
}

// As many rows of w as a vector has lanes, transposed into columns of a panel: out[k * kPanel + n]
// = w[n * ld + k]. Returns how many k are done.
HWY_INLINE int64_t transpose_rows(const float* w, int64_t ld, int64_t depth, float* out) {
  int64_t k = 0;
#if HWY_TARGET != HWY_SCALAR
  const D d;
  for (; k + 4 <= depth; k += 4, out += 4 * kPanel) {
    const V a = load_blocks(w + k, ld), b = load_blocks(w + ld + k, ld);
    const V c = load_blocks(w + 2 * ld + k, ld), e = load_blocks(w + 3 * ld + k, ld);
    const V ac = hn::InterleaveLower(d, a, c), be = hn::InterleaveLower(d, b, e);
    const V ac2 = hn::InterleaveUpper(d, a, c), be2 = hn::InterleaveUpper(d, b, e);
    hn::StoreU(hn::InterleaveLower(d, ac, be), d, out);
    hn::StoreU(hn::InterleaveUpper(d, ac, be), d, out + kPanel);
    hn::StoreU(hn::InterleaveLower(d, ac2, be2), d, out + 2 * kPanel);
    hn::StoreU(hn::InterleaveUpper(d, ac2, be2), d, out + 3 * kPanel);
  }
#endif
  return k;
}

void pack_transposed(const float* w, int64_t ld, int64_t rows, int64_t depth, float* out) {
  constexpr int64_t kBlock = 64;  // of the depth: lines that rows share stay in the L1 cache
  int64_t done = 0;
  if (rows == kPanel)
    for (int64_t k = 0; k < depth; k += kBlock) {
      int64_t here = 0;
      for (int64_t n = 0; n < kPanel; n += kLanes)
        here =
            transpose_rows(w + n * ld + k, ld, std::min(kBlock, depth - k), out + k * kPanel + n);
      done = k + here;
    }
  for (int64_t k = done; k < depth; ++k)
    for (int64_t n = 0; n < kPanel; ++n) out[k * kPanel + n] = n < rows ? w[n * ld + k] : 0.0f;
}

// 16 k of 16 rows of w. Four perfect shuffles of 16 rows of 16 bytes transpose them.
HWY_INLINE void widen_square(const int8_t* w, const float* scale, int64_t ld, float* out) {
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<int8_t, kSquare> bytes;
  using Bytes = hn::Vec<decltype(bytes)>;
  const hn::Rebind<int8_t, D> narrow;
  const hn::Rebind<int32_t, D> wide;
  const D d;
  Bytes row[kSquare], next[kSquare];
#pragma GCC unroll 16
  for (int n = 0; n < kSquare; ++n) row[n] = hn::LoadU(bytes, w + n * ld);
#pragma GCC unroll 4
  for (int round = 0; round < 4; ++round) {
#pragma GCC unroll 8
    for (int i = 0; i < kSquare / 2; ++i) {
      next[2 * i] = hn::InterleaveLower(bytes, row[i], row[i + kSquare / 2]);
      next[2 * i + 1] = hn::InterleaveUpper(bytes, row[i], row[i + kSquare / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kSquare; ++i) row[i] = next[i];
  }
  HWY_ALIGN int8_t column[kSquare];
  for (int k = 0; k < kSquare; ++k) {
    hn::Store(row[k], bytes, column);
    for (int n = 0; n < kSquare; n += kLanes)
      hn::StoreU(hn::Mul(hn::ConvertTo(d, hn::PromoteTo(wide, hn::LoadU(narrow, column + n))),
                         hn::LoadU(d, scale + n)),
                 d, out + k * kPanel + n);
  }
#endif
}

void pack_transposed_i8(const int8_t* w, const float* scale, int64_t ld, int64_t rows,
                        int64_t depth, float* out) {
  const bool squares = HWY_TARGET != HWY_SCALAR && rows == kPanel && kPanel % kSquare == 0;
  const int64_t done = squares ? depth / kSquare * kSquare : 0;
  for (int64_t k = 0; k < done; k += kSquare)
    for (int64_t n = 0; n < kPanel; n += kSquare)
      widen_square(w + n * ld + k, scale + n, ld, out + k * kPanel + n);
  for (int64_t k = done; k < depth; ++k)
    for (int64_t n = 0; n < kPanel; ++n)
      out[k * kPanel + n] = n < rows ? scale[n] * static_cast<float>(w[n * ld + k]) : 0.0f;
}

// A panel's row of `columns` floats, padded by zeros.
HWY_INLINE void copy_panel_row(const float* from, int64_t columns, float* to) {
  if (columns >= kPanel) {
    const D d;
    hn::StoreU(hn::LoadU(d, from), d, to);
    hn::StoreU(hn::LoadU(d, from + kLanes), d, to + kLanes);
  } else {
    for (int64_t n = 0; n < kPanel; ++n) to[n] = n < columns ? from[n] : 0.0f;
  }
}

void pack_plain(const float* w, int64_t ld, int64_t columns, int64_t depth, float* out) {
  for (int64_t k = 0; k < depth; ++k) copy_panel_row(w + k * ld, columns, out + k * kPanel);
}

void spread_row(const float* row, int64_t columns, float* out, int64_t panel_stride) {
  for (int64_t n = 0; n < columns; n += kPanel, out += panel_stride)
    copy_panel_row(row + n, columns - n, out);
}

void pack_slice(const float* w, int64_t ld, int64_t columns, int64_t depth, float* out,
                float* sums) {
  const D d;
  constexpr int64_t kVectors = ceil_div(kTileRows, kLanes);
  const Tiles tiles(columns);
  for (int64_t t = 0; t < tiles.count; ++t) {
    const int64_t begin = tiles.begin(t), height = tiles.height_of(t);
    V sum[kVectors];
    for (V& s : sum) s = hn::Zero(d);
    for (int64_t k = 0; k < depth; ++k, out += height)
      for (int64_t v = 0; v * kLanes < height; ++v) {
        const V x = hn::LoadU(d, w + k * ld + begin + v * kLanes);
        sum[v] = hn::Add(sum[v], x);
        hn::StoreU(x, d, out + v * kLanes);  // what is too much, the next row or tile overwrites
      }
    HWY_ALIGN float lanes[kVectors * kLanes];
    for (int64_t v = 0; v < kVectors; ++v) hn::Store(sum[v], d, lanes + v * kLanes);
    std::copy_n(lanes, height, sums + begin);
  }
}

// Row after row, as they lie: rows of a large matrix are pages apart, and nothing prefetches the
// next ones.
void pack_tiles(const float* w, int64_t ld, int64_t columns, int64_t depth, float* out) {
  constexpr int64_t kMostTiles = kMostTileColumns / kTileRows + 1, kAhead = 8, kLine = 16;
  constexpr int64_t kWritten = round_up(kTileRows, kLanes);
  const D d;
  const Tiles cut(columns);
  const int64_t tiles = cut.count;
  int64_t begin[kMostTiles + 1];
  float* target[kMostTiles];
  for (int64_t t = 0; t <= tiles; ++t) begin[t] = cut.begin(t);
  for (int64_t t = 0; t < tiles; ++t) target[t] = out + begin[t] * depth;
  for (int64_t k = 0; k < depth; ++k, w += ld) {
    if (k + kAhead < depth)
      for (int64_t i = 0; i < columns; i += kLine) hwy::Prefetch(w + kAhead * ld + i);
    // Tiles that may read past themselves, into the next one, and write past their row: the next
    // rows overwrite it.
    const bool within = 2 * cut.height >= kWritten && (depth - k) * cut.height >= kWritten;
    const int64_t whole = within ? tiles - 1 : 0;
    for (int64_t t = 0; t < whole; ++t) {
      const int64_t height = begin[t + 1] - begin[t];
      for (int64_t v = 0; v < kTileRows; v += kLanes)
        hn::StoreU(hn::LoadU(d, w + begin[t] + v), d, target[t] + v);
      target[t] += height;
    }
    for (int64_t t = whole; t < tiles; ++t)
      target[t] = std::copy_n(w + begin[t], begin[t + 1] - begin[t], target[t]);
  }
}

const Kernels* table() {
  static const Kernels kTable = {kPanel,          kTileRows,          multiply,
                                 pack_transposed, pack_transposed_i8, pack_plain,
                                 spread_row,      pack_slice,         pack_tiles};
  return &kTable;
}

}  // namespace cairn::cpu::panels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu::panels {
HWY_EXPORT(table);

const Kernels& kernels() { return *HWY_DYNAMIC_DISPATCH(table)(); }

}  // namespace cairn::cpu::panels
#endif
