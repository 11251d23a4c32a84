// Small matrix products whose accumulators stay in registers: C[m x n] (+)= A[m x k] B[k x n].
//
// B and C are row-major, one vector of columns a lane. A is read by broadcasts, so it needs no
// packing and may be stored by rows (a[r * stride + k]) or by columns (a[k * stride + r]).
// Attention is arranged so that each of its products has this form with operands as they lie in
// memory (see forward.cpp, backward.cpp). Per-target guard: read once for each instruction set.
#if defined(CAIRN_ATTENTION_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_ATTENTION_TILE_INL_H_
#undef CAIRN_ATTENTION_TILE_INL_H_
#else
#define CAIRN_ATTENTION_TILE_INL_H_
#endif

#include <algorithm>

#include "cairn/backend/cpu/attention/vector-inl.h"
#include "cairn/backend/cpu/store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::attention::HWY_NAMESPACE {

enum class Order { rows, columns };  // how A lies in memory

constexpr int kTileRows = 6;  // 6 x 2 vectors: 12 accumulators, enough to hide the latency of FMA

struct Matrices {
  const float* a;
  int64_t a_stride;
  const float* b;
  int64_t b_stride;
  float* c;
  int64_t c_stride;
};

// One register tile: kRows rows, kVectors vectors of columns. kPartial: only `columns` < kLanes
// exist.
template <Order kOrder, int kRows, int kVectors, bool kPartial>
HWY_INLINE void tile(const Matrices& m, const float* HWY_RESTRICT a, float* HWY_RESTRICT c,
                     int64_t depth, bool accumulate, int64_t columns) {
  const F32 d;
  const auto mask = hn::FirstN(d, static_cast<size_t>(kPartial ? columns : kLanes));
  VF acc[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) acc[r][v] = hn::Zero(d);
  const float* HWY_RESTRICT b = m.b;
  const int64_t a_stride = m.a_stride, b_stride = m.b_stride;
  for (int64_t k = 0; k < depth; ++k) {
    VF bv[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v)
      bv[v] = kPartial ? hn::MaskedLoad(mask, d, b) : hn::LoadU(d, b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const VF av = hn::Set(d, kOrder == Order::rows ? a[r * a_stride] : a[r]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) acc[r][v] = hn::MulAdd(av, bv[v], acc[r][v]);
    }
    a += kOrder == Order::rows ? 1 : a_stride;
    b += b_stride;
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      float* to = c + r * m.c_stride + v * kLanes;
      if constexpr (kPartial) {
        const VF old = accumulate ? hn::MaskedLoad(mask, d, to) : hn::Zero(d);
        stores::HWY_NAMESPACE::store_first(hn::Add(old, acc[r][v]), mask, d, to);
      } else {
        if (accumulate) acc[r][v] = hn::Add(acc[r][v], hn::LoadU(d, to));
        hn::StoreU(acc[r][v], d, to);
      }
    }
  }
}

// The last 1 to 5 rows.
template <Order kOrder, int kVectors, bool kPartial>
HWY_NOINLINE void tile_of(int64_t rows, const Matrices& m, const float* a, float* c, int64_t depth,
                          bool accumulate, int64_t columns) {
  switch (rows) {
    case 1: return tile<kOrder, 1, kVectors, kPartial>(m, a, c, depth, accumulate, columns);
    case 2: return tile<kOrder, 2, kVectors, kPartial>(m, a, c, depth, accumulate, columns);
    case 3: return tile<kOrder, 3, kVectors, kPartial>(m, a, c, depth, accumulate, columns);
    case 4: return tile<kOrder, 4, kVectors, kPartial>(m, a, c, depth, accumulate, columns);
    case 5: return tile<kOrder, 5, kVectors, kPartial>(m, a, c, depth, accumulate, columns);
  }
}

// All rows of one panel of columns. A short rest (1 to 3 rows) would not hide the latency of FMA,
// so the last 7 to 9 rows are split in two nearly equal tiles.
template <Order kOrder, int kVectors, bool kPartial>
HWY_NOINLINE void panel(int64_t rows, int64_t depth, const Matrices& m, bool accumulate,
                        int64_t columns) {
  const int64_t a_step = kOrder == Order::rows ? m.a_stride : 1;
  int64_t r = 0;
  for (; rows - r == kTileRows || rows - r > kTileRows + 3; r += kTileRows)
    tile<kOrder, kTileRows, kVectors, kPartial>(m, m.a + r * a_step, m.c + r * m.c_stride, depth,
                                                accumulate, columns);
  while (r < rows) {
    const int64_t left = rows - r, now = left > kTileRows ? (left + 1) / 2 : left;
    tile_of<kOrder, kVectors, kPartial>(now, m, m.a + r * a_step, m.c + r * m.c_stride, depth,
                                        accumulate, columns);
    r += now;
  }
}

// C[rows x columns] (+)= A[rows x depth] B[depth x columns].
template <Order kOrder>
HWY_INLINE void multiply(int64_t rows, int64_t columns, int64_t depth, Matrices m,
                         bool accumulate) {
  for (; columns >= kPanel; columns -= kPanel, m.b += kPanel, m.c += kPanel)
    panel<kOrder, 2, false>(rows, depth, m, accumulate, kPanel);
  if (columns >= kLanes) {
    panel<kOrder, 1, false>(rows, depth, m, accumulate, kLanes);
    columns -= kLanes, m.b += kLanes, m.c += kLanes;
  }
  if (columns > 0) panel<kOrder, 1, true>(rows, depth, m, accumulate, columns);
}

}  // namespace cairn::cpu::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // CAIRN_ATTENTION_TILE_INL_H_
