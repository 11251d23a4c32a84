// Vector pieces shared by the attention, cross-entropy and decoding kernels: the lane type, exp2
// for softmax, dot products and a transposition. Per-target guard: read once for each instruction
// set.
#if defined(CAIRN_ATTENTION_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_ATTENTION_VECTOR_INL_H_
#undef CAIRN_ATTENTION_VECTOR_INL_H_
#else
#define CAIRN_ATTENTION_VECTOR_INL_H_
#endif

#include <cstdint>

#include "cairn/backend/cpu/limits-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::attention::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using I32 = hn::ScalableTag<int32_t>;
using U32 = hn::ScalableTag<uint32_t>;
using VF = hn::Vec<F32>;

constexpr int kLanes = static_cast<int>(hn::MaxLanes(F32()));
constexpr int kPanel = 2 * kLanes;  // columns of a register tile: two vectors

constexpr float kLog2E = 1.44269504088896340736f;
constexpr float kLn2 = 0.69314718055994530942f;

// 2^x for x <= 127 within 2 ulp; exactly 0 below -126.5 (so for -infinity), NaN stays NaN.
// x = n + f with |f| <= 1/2. Adding 1.5 * 2^23 + 127 leaves n + 127 in the low bits of the float,
// which shifted left are 2^n. The polynomial is that of Cephes' exp2f (Moshier).
HWY_INLINE VF exp2_vec(VF x) {
  const F32 d;
  const VF magic = hn::Set(d, 12582912.0f + 127.0f);
  x = limits::HWY_NAMESPACE::at_least(x, hn::Set(d, -127.0f));
  const VF shifted = hn::Add(x, magic);
  const VF f = hn::Sub(x, hn::Sub(shifted, magic));
  const VF power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(U32(), shifted)));
  VF p = hn::Set(d, 1.535336188319500e-4f);
  p = hn::MulAdd(p, f, hn::Set(d, 1.339887440266574e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 9.618437357674640e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 5.550332471162809e-2f));
  p = hn::MulAdd(p, f, hn::Set(d, 2.402264791363012e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 6.931472028550421e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  return hn::Mul(p, power);
}

// Dot products of q with kKeys keys; the scores go `score_stride` apart.
template <int kKeys>
HWY_INLINE void dots(const float* HWY_RESTRICT q, const float* const* keys, int64_t dim,
                     float* HWY_RESTRICT scores, int64_t score_stride) {
  const F32 d;
  VF sum[kKeys];
#pragma GCC unroll 4
  for (int j = 0; j < kKeys; ++j) sum[j] = hn::Zero(d);
  int64_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) {
    const VF qv = hn::LoadU(d, q + i);
#pragma GCC unroll 4
    for (int j = 0; j < kKeys; ++j) sum[j] = hn::MulAdd(qv, hn::LoadU(d, keys[j] + i), sum[j]);
  }
  if (i < dim) {
    const auto rest = hn::FirstN(d, static_cast<size_t>(dim - i));
    const VF qv = hn::MaskedLoad(rest, d, q + i);
#pragma GCC unroll 4
    for (int j = 0; j < kKeys; ++j)
      sum[j] = hn::MulAdd(qv, hn::MaskedLoad(rest, d, keys[j] + i), sum[j]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < kKeys; ++j) scores[j * score_stride] = hn::GetLane(hn::SumOfLanes(d, sum[j]));
}

// to[c * to_stride + r] = scale * from[r * from_stride + c] for r < rows, c < columns.
HWY_NOINLINE inline void transpose(const float* from, int64_t from_stride, int64_t rows,
                                   int64_t columns, float scale, float* HWY_RESTRICT to,
                                   int64_t to_stride) {
  int64_t r = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> d;
  const hn::Repartition<double, decltype(d)> wide;
  const auto factor = hn::Set(d, scale);
  for (; r + 4 <= rows; r += 4) {
    const float* f = from + r * from_stride;
    int64_t c = 0;
    for (; c + 4 <= columns; c += 4) {
      const auto a = hn::Mul(factor, hn::LoadU(d, f + c));
      const auto b = hn::Mul(factor, hn::LoadU(d, f + c + from_stride));
      const auto e = hn::Mul(factor, hn::LoadU(d, f + c + 2 * from_stride));
      const auto g = hn::Mul(factor, hn::LoadU(d, f + c + 3 * from_stride));
      const auto ab0 = hn::BitCast(wide, hn::InterleaveLower(d, a, b));
      const auto ab1 = hn::BitCast(wide, hn::InterleaveUpper(d, a, b));
      const auto eg0 = hn::BitCast(wide, hn::InterleaveLower(d, e, g));
      const auto eg1 = hn::BitCast(wide, hn::InterleaveUpper(d, e, g));
      float* t = to + c * to_stride + r;
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, ab0, eg0)), d, t);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, ab0, eg0)), d, t + to_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, ab1, eg1)), d, t + 2 * to_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, ab1, eg1)), d, t + 3 * to_stride);
    }
    for (; c < columns; ++c)
      for (int64_t i = 0; i < 4; ++i) to[c * to_stride + r + i] = scale * f[i * from_stride + c];
  }
#endif
  for (; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) to[c * to_stride + r] = scale * from[r * from_stride + c];
}

}  // namespace cairn::cpu::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // CAIRN_ATTENTION_VECTOR_INL_H_
