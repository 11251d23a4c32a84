// The products of tile-inl.h by AMX, in bf16 with sums in f32. Operands are rounded as they are
// copied into tiles: what many products read, once for all of them. Per-target guard: read once
// for each instruction set.
#if defined(CAIRN_ATTENTION_TILE_AMX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_ATTENTION_TILE_AMX_INL_H_
#undef CAIRN_ATTENTION_TILE_AMX_INL_H_
#else
#define CAIRN_ATTENTION_TILE_AMX_INL_H_
#endif

#include <algorithm>

#include "cairn/backend/cpu/amx-inl.h"
#include "cairn/backend/cpu/attention/vector-inl.h"
#include "cairn/backend/cpu/bf16-inl.h"
#include "cairn/base/round.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::attention::HWY_NAMESPACE {

// Tiles of A, whose rows are `a_steps` tiles deep, by panels of B, whose depth is `b_steps` tiles.
struct NarrowMatrices {
  const uint16_t* a;
  int64_t a_steps;
  const uint16_t* b;
  int64_t b_steps;
  float* c;
  int64_t c_stride;
};

constexpr int64_t kTileDepth = 32;
HWY_INLINE int64_t steps_of(int64_t depth) { return ceil_div(depth, kTileDepth); }
// Elements of a panel of B of so many steps.
HWY_INLINE int64_t panel_elements(int64_t steps) { return steps * kTileDepth * kPanel; }

#if HWY_TARGET == HWY_AVX3

using amx::HWY_NAMESPACE::kTileLines;
using amx::HWY_NAMESPACE::Tiles;
constexpr int64_t kTilePairs = 16;
constexpr int64_t kTileSize = kTileLines * kTileDepth;

HWY_INLINE auto narrowed_some(const float* from, int64_t count, VF scale) {
  const F32 d;
  const auto some = hn::FirstN(d, static_cast<size_t>(std::clamp<int64_t>(count, 0, kLanes)));
  return cpu::HWY_NAMESPACE::narrowed(hn::Mul(hn::MaskedLoad(some, d, from), scale));
}
// Words of two numbers of the depth; `second` null: zeros.
HWY_INLINE __m512i paired_rows(const float* first, const float* second, int64_t count) {
  const hn::FixedTag<uint16_t, 16> h;
  const VF one = hn::Set(F32(), 1.0f);
  return cpu::HWY_NAMESPACE::paired(narrowed_some(first, count, one),
                                    second ? narrowed_some(second, count, one) : hn::Zero(h))
      .raw;
}
// 32 numbers of one row.
HWY_INLINE __m512i narrowed_line(const float* from, int64_t count, VF scale) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(narrowed_some(from, count, scale).raw),
                            narrowed_some(from + kLanes, count - kLanes, scale).raw, 1);
}

// A's tiles [16 rows][32 of the depth], those of a row's depth one after the other; zeros behind
// the ends. The matrix lies by rows.
HWY_NOINLINE inline void narrow_lines(const float* from, int64_t stride, int64_t rows,
                                      int64_t depth, uint16_t* to) {
  const VF one = hn::Set(F32(), 1.0f);
  for (int64_t r = 0; r < rows; r += kTileLines)
    for (int64_t k = 0; k < depth; k += kTileDepth)
      for (int64_t i = r; i < r + kTileLines; ++i, to += kTileDepth)
        _mm512_storeu_si512(to, i < rows ? narrowed_line(from + i * stride + k, depth - k, one)
                                         : _mm512_setzero_si512());
}
// The same of a matrix that lies by columns: element (r, k) at from[k * stride + r].
HWY_NOINLINE inline void narrow_columns(const float* from, int64_t stride, int64_t rows,
                                        int64_t depth, uint16_t* to) {
  for (int64_t r = 0; r < rows; r += kTileLines)
    for (int64_t k = 0; k < depth; k += kTileDepth, to += kTileSize) {
      __m512i line[16];
      for (int64_t pair = 0; pair < kTilePairs; ++pair) {
        const int64_t left = depth - k - 2 * pair;
        const float* at = from + (k + 2 * pair) * stride + r;
        line[pair] = left > 0 ? paired_rows(at, left > 1 ? at + stride : nullptr, rows - r)
                              : _mm512_setzero_si512();
      }
      amx::HWY_NAMESPACE::transpose_words(line);
      for (int64_t i = 0; i < kTileLines; ++i) _mm512_storeu_si512(to + i * kTileDepth, line[i]);
    }
}

// B's panels of 32 columns, a line [column][2] for each pair of the depth, whole steps of it; zeros
// behind the ends. The matrix lies by rows of the depth.
HWY_NOINLINE inline void narrow_pairs(const float* from, int64_t stride, int64_t depth,
                                      int64_t columns, uint16_t* to) {
  const int64_t pairs = steps_of(depth) * kTilePairs;
  for (int64_t column = 0; column < columns; column += kPanel)
    for (int64_t pair = 0; pair < pairs; ++pair, to += 2 * kPanel) {
      const int64_t left = depth - 2 * pair;
      const float* at = from + 2 * pair * stride + column;
      for (int64_t half = 0; half < kPanel; half += kLanes)
        _mm512_storeu_si512(to + 2 * half,
                            left > 0
                                ? paired_rows(at + half, left > 1 ? at + half + stride : nullptr,
                                              columns - column - half)
                                : _mm512_setzero_si512());
    }
}
// The same of the transpose: column c of B is row c of the matrix, times `scale`.
HWY_NOINLINE inline void narrow_transposed(const float* from, int64_t stride, int64_t columns,
                                           int64_t depth, float scale, uint16_t* to) {
  const VF factor = hn::Set(F32(), scale);
  for (int64_t column = 0; column < columns; column += kPanel)
    for (int64_t k = 0; k < depth; k += kTileDepth, to += kTilePairs * 2 * kPanel)
      for (int64_t half = 0; half < kPanel; half += kLanes) {
        __m512i line[16];
        for (int64_t i = 0; i < kLanes; ++i) {
          const int64_t row = column + half + i;
          line[i] = row < columns ? narrowed_line(from + row * stride + k, depth - k, factor)
                                  : _mm512_setzero_si512();
        }
        amx::HWY_NAMESPACE::transpose_words(line);
        for (int64_t pair = 0; pair < kTilePairs; ++pair)
          _mm512_storeu_si512(to + pair * 2 * kPanel + 2 * half, line[pair]);
      }
}

// 32 rows by 32 columns, left in tiles 0 to 3.
HWY_INLINE void multiply_tiles(int64_t steps, bool lower, const uint16_t* a, int64_t a_steps,
                               const uint16_t* b) {
  constexpr int64_t kLineA = 2 * kTileDepth, kLineB = 4 * kPanel;
  Tiles::clear<0>(), Tiles::clear<1>(), Tiles::clear<2>(), Tiles::clear<3>();
  for (int64_t s = 0; s < steps; ++s, a += kTileSize, b += kTilePairs * 2 * kPanel) {
    Tiles::load<6>(b, kLineB), Tiles::load<7>(b + kPanel, kLineB), Tiles::load<4>(a, kLineA);
    Tiles::multiply_bf16<0, 4, 6>(), Tiles::multiply_bf16<1, 4, 7>();
    if (!lower) continue;
    Tiles::load<5>(a + a_steps * kTileSize, kLineA);
    Tiles::multiply_bf16<2, 5, 6>(), Tiles::multiply_bf16<3, 5, 7>();
  }
}
HWY_INLINE void store_tiles(float* to, int64_t stride) {
  Tiles::store<0>(to, 4 * stride), Tiles::store<1>(to + kLanes, 4 * stride);
  Tiles::store<2>(to + kTileLines * stride, 4 * stride);
  Tiles::store<3>(to + kTileLines * stride + kLanes, 4 * stride);
}

// C[rows x columns] (+)= A[rows x 32 steps] B[32 steps x columns]. The tiles are configured, all
// whole.
HWY_NOINLINE inline void multiply_narrow(int64_t rows, int64_t columns, int64_t steps,
                                         NarrowMatrices m, bool accumulate) {
  const F32 d;
  for (int64_t column = 0; column < columns;
       column += kPanel, m.b += panel_elements(m.b_steps), m.c += kPanel) {
    const int64_t here = std::min<int64_t>(kPanel, columns - column);
    const auto left = hn::FirstN(d, static_cast<size_t>(std::min<int64_t>(here, kLanes)));
    const auto right = hn::FirstN(d, static_cast<size_t>(std::max<int64_t>(0, here - kLanes)));
    for (int64_t r = 0; r < rows; r += 2 * kTileLines) {
      multiply_tiles(steps, rows - r > kTileLines, m.a + r / kTileLines * m.a_steps * kTileSize,
                     m.a_steps, m.b);
      float* c = m.c + r * m.c_stride;
      if (!accumulate && here == kPanel && rows - r >= 2 * kTileLines) {
        store_tiles(c, m.c_stride);
        continue;
      }
      HWY_ALIGN float sums[2 * kTileLines * kPanel];
      store_tiles(sums, kPanel);
      const int64_t lines = std::min(2 * kTileLines, rows - r);
      for (int64_t i = 0; i < lines; ++i, c += m.c_stride) {
        VF first = hn::Load(d, sums + i * kPanel), second = hn::Load(d, sums + i * kPanel + kLanes);
        if (accumulate)
          first = hn::Add(first, hn::MaskedLoad(left, d, c)),
          second = hn::Add(second, hn::MaskedLoad(right, d, c + kLanes));
        hn::BlendedStore(first, left, d, c), hn::BlendedStore(second, right, d, c + kLanes);
      }
    }
  }
}

// Tiles for the time of one pass of one thread.
class TilesOfPass {
 public:
  explicit TilesOfPass(bool wanted) : wanted_(wanted) {
    if (wanted_) Tiles::configure(kTileLines, kTileLines);
  }
  ~TilesOfPass() {
    if (wanted_) Tiles::release();
  }

 private:
  bool wanted_;
};

#else  // no plan asks for them

HWY_INLINE void narrow_lines(const float*, int64_t, int64_t, int64_t, uint16_t*) {}
HWY_INLINE void narrow_columns(const float*, int64_t, int64_t, int64_t, uint16_t*) {}
HWY_INLINE void narrow_pairs(const float*, int64_t, int64_t, int64_t, uint16_t*) {}
HWY_INLINE void narrow_transposed(const float*, int64_t, int64_t, int64_t, float, uint16_t*) {}
HWY_INLINE void multiply_narrow(int64_t, int64_t, int64_t, NarrowMatrices, bool) {}
struct TilesOfPass {
  explicit TilesOfPass(bool) {}
};

#endif

}  // namespace cairn::cpu::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // CAIRN_ATTENTION_TILE_AMX_INL_H_
