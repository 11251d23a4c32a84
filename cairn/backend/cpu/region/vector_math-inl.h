// Vector math on f32: exp, log, tanh, erf, sin and their kin, within about 2 ulp of the true value
// and with NaN in, NaN out. Each works on any Highway vector of floats. (Included once a target;
// see Highway's notes on -inl.h headers.)
#if defined(CAIRN_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_VECTOR_MATH_INL_H_
#undef CAIRN_VECTOR_MATH_INL_H_
#else
#define CAIRN_VECTOR_MATH_INL_H_
#endif

#include <hwy/highway.h>

#include <cmath>

#include "cairn/backend/cpu/limits-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using limits::HWY_NAMESPACE::at_least, limits::HWY_NAMESPACE::at_most;

template <class V>
HWY_INLINE V set(V like, float value) {
  return hn::Set(hn::DFromV<V>(), value);
}

// Horner's scheme: coefficients from the highest power down.
template <class V>
HWY_INLINE V polynomial(V, V c) {
  return c;
}
template <class V, class... Rest>
HWY_INLINE V polynomial(V x, V c, float next, Rest... rest) {
  return polynomial(x, hn::MulAdd(c, x, set(x, next)), rest...);
}
template <class V, class... Rest>
HWY_INLINE V polynomial(V x, float first, Rest... rest) {
  return polynomial(x, set(x, first), rest...);
}

// Maximum and minimum of two that are NaN when either is.
template <class V>
HWY_INLINE V nan_max(V a, V b) {
  return hn::IfThenElse(hn::IsNaN(a), a, at_least(b, a));
}
template <class V>
HWY_INLINE V nan_min(V a, V b) {
  return hn::IfThenElse(hn::IsNaN(a), a, at_most(b, a));
}

// x = n ln2 + r with |r| <= ln2 / 2. `n` comes as an integer, and e^r - 1 as `em1`.
template <class V>
struct ExpParts {
  hn::Vec<hn::RebindToSigned<hn::DFromV<V>>> n;
  V em1;
};
template <class V>
HWY_INLINE ExpParts<V> exp_parts(V x) {
  const hn::RebindToSigned<hn::DFromV<V>> di;
  const V magic =
      set(x, 12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const V shifted = hn::MulAdd(x, set(x, 1.44269504f), magic);
  const V n = hn::Sub(shifted, magic);
  V r = hn::NegMulAdd(n, set(x, 0.693145752f), x);
  r = hn::NegMulAdd(n, set(x, 1.42860677e-6f), r);
  const V p = polynomial(r, 1.98527617e-4f, 1.39304355e-3f, 8.33336077e-3f, 4.16664853e-2f,
                         1.66666672e-1f, 0.5f);
  const auto integer = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, magic));
  return {integer, hn::MulAdd(hn::Mul(r, r), p, r)};
}

// 2^n for integers n of the normal range.
template <class D, class VI>
HWY_INLINE hn::Vec<D> power_of_two(D d, VI n) {
  const hn::RebindToSigned<D> di;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127))));
}

template <class V>
HWY_INLINE V exp(V x) {
  const hn::DFromV<V> d;
  const auto parts = exp_parts(at_most(at_least(x, set(x, -104.0f)), set(x, 89.0f)));
  const auto half = hn::ShiftRight<1>(parts.n);  // in two steps, for subnormals and for 2^128
  const V y = hn::Add(parts.em1, set(x, 1.0f));
  return hn::Mul(hn::Mul(y, power_of_two(d, half)), power_of_two(d, hn::Sub(parts.n, half)));
}

// exp for |x| <= 87: one scale, no clamp.
template <class V>
HWY_INLINE V exp_in_range(V x) {
  const auto parts = exp_parts(x);
  return hn::Mul(hn::Add(parts.em1, set(x, 1.0f)), power_of_two(hn::DFromV<V>(), parts.n));
}

template <class V>
HWY_INLINE V expm1(V x) {
  const hn::DFromV<V> d;
  const hn::RebindToSigned<hn::DFromV<V>> di;
  const auto parts = exp_parts(at_most(at_least(x, set(x, -18.0f)), set(x, 89.0f)));
  const V scale = power_of_two(d, hn::Sub(parts.n, hn::Set(di, 1)));  // half of 2^n: no overflow
  const V y = hn::MulAdd(parts.em1, scale, hn::Sub(scale, set(x, 0.5f)));
  return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, hn::Add(y, y));
}

template <class V>
HWY_INLINE V exp2(V x) {
  const hn::DFromV<V> d;
  const hn::RebindToSigned<hn::DFromV<V>> di;
  const V clamped = at_most(at_least(x, set(x, -151.0f)), set(x, 129.0f));
  const V magic = set(x, 12582912.0f);
  const V shifted = hn::Add(clamped, magic);
  const V r = hn::Sub(clamped, hn::Sub(shifted, magic));
  const V y = polynomial(r, 1.53720379e-4f, 1.33903872e-3f, 9.61833261e-3f, 5.55036329e-2f,
                         2.40226507e-1f, 6.93147182e-1f, 1.0f);
  const auto n = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, magic));
  const auto half = hn::ShiftRight<1>(n);
  return hn::Mul(hn::Mul(y, power_of_two(d, half)), power_of_two(d, hn::Sub(n, half)));
}

// log(x) = exponent * ln2 + log1p(f), f in [-1/3, 1/3]; for positive finite x.
template <class V>
struct LogParts {
  V exponent, log1p;
};
template <class V>
HWY_INLINE LogParts<V> log_parts(V x) {
  const hn::DFromV<V> d;
  const hn::RebindToSigned<hn::DFromV<V>> di;
  const auto tiny = hn::Lt(x, set(x, 1.17549435e-38f));
  const V a = hn::IfThenElse(tiny, hn::Mul(x, set(x, 8388608.0f)), x);
  const auto bits = hn::BitCast(di, a);
  const auto e = hn::And(hn::Sub(bits, hn::Set(di, 0x3f2aaaab)),
                         hn::Set(di, static_cast<int32_t>(0xff800000u)));
  const V f = hn::Sub(hn::BitCast(d, hn::Sub(bits, e)), set(x, 1.0f));
  const V exponent = hn::MulAdd(hn::ConvertTo(d, e), set(x, 1.19209290e-7f),
                                hn::IfThenElseZero(tiny, set(x, -23.0f)));
  const V s = hn::Mul(f, f);
  V r = polynomial(s, -0.130310059f, -0.121483773f, -0.166846126f, -0.249996200f);
  const V t = polynomial(s, 0.140869141f, 0.139814854f, 0.200120345f);
  r = hn::MulAdd(t, f, r);
  r = polynomial(f, r, 0.333331972f, -0.5f);
  return {exponent, hn::MulAdd(r, s, f)};
}

// The values of a logarithm outside the positive finite numbers.
template <class V>
HWY_INLINE V log_edges(V x, V y) {
  const hn::DFromV<V> d;
  const V infinity = set(x, INFINITY);
  y = hn::IfThenElse(hn::Lt(x, infinity), y, x);  // infinity and NaN
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity), y);
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), set(x, NAN), y);
}

template <class V>
HWY_INLINE V log(V x) {
  const auto parts = log_parts(x);
  return log_edges(x, hn::MulAdd(parts.exponent, set(x, 0.693147182f), parts.log1p));
}
template <class V>
HWY_INLINE V log2(V x) {
  const auto parts = log_parts(x);
  return log_edges(x, hn::MulAdd(parts.log1p, set(x, 1.44269504f), parts.exponent));
}
template <class V>
HWY_INLINE V log10(V x) {
  const auto parts = log_parts(x);
  const V low = hn::Mul(parts.log1p, set(x, 0.434294482f));
  return log_edges(x, hn::MulAdd(parts.exponent, set(x, 0.301029996f), low));
}
// Kahan: the rounding of u = 1 + x cancels in log(u) x / (u - 1).
template <class V>
HWY_INLINE V log1p(V x) {
  const V one = set(x, 1.0f);
  const V u = hn::Add(one, x);
  const V y = hn::Mul(log(u), hn::Div(x, hn::Sub(u, one)));
  const auto plain = hn::Or(hn::Eq(u, one), hn::Eq(x, set(x, INFINITY)));
  return hn::IfThenElse(plain, x, hn::IfThenElse(hn::Eq(x, set(x, -1.0f)), log(u), y));
}

template <class V>
HWY_INLINE V tanh(V x) {
  const V t = hn::Abs(x);
  const V em1 = expm1(at_most(hn::Add(t, t), set(x, 20.0f)));
  return hn::CopySign(hn::Div(em1, hn::Add(em1, set(x, 2.0f))), x);
}
template <class V>
HWY_INLINE V sigmoid(V x) {
  const V one = set(x, 1.0f);
  return hn::Div(one, hn::Add(one, exp(hn::Neg(x))));
}

// erf: an odd polynomial near 0, 1 - exp(p(|x|)) beyond.
template <class V>
HWY_INLINE V erf(V x) {
  const V t = hn::Abs(x), s = hn::Mul(x, x);
  V big = polynomial(t, -1.72853470e-5f, 3.83197126e-4f);
  big = hn::MulAdd(big, s, polynomial(t, -3.88396438e-3f, 2.42546219e-2f));
  big = polynomial(t, big, -1.06777877e-1f, -6.34846687e-1f, -1.28717512e-1f);
  big = hn::MulAdd(big, t, hn::Neg(t));
  big = hn::CopySign(hn::Sub(set(x, 1.0f), exp_in_range(at_least(big, set(x, -80.0f)))), x);
  const V small = polynomial(s, -5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f, 1.12819925e-1f,
                             -3.76125336e-1f, 1.28379166e-1f);
  return hn::IfThenElse(
      hn::Gt(t, set(x, 4.0f)), hn::CopySign(set(x, 1.0f), x),
      hn::IfThenElse(hn::Gt(t, set(x, 0.927734375f)), big, hn::MulAdd(small, x, x)));
}

// Applies a scalar function to the lanes in `where`, leaving `y` in the others.
template <class V, class M, class F>
HWY_INLINE V patch_lanes(M where, V x, V y, F scalar) {
  const hn::DFromV<V> d;
  if (HWY_LIKELY(hn::AllFalse(d, where))) return y;
  HWY_ALIGN float lanes[hn::MaxLanes(d)];
  hn::Store(x, d, lanes);
  for (size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = scalar(lanes[i]);
  return hn::IfThenElse(where, hn::Load(d, lanes), y);
}

// x = quadrant * pi/2 + r; sine and cosine of r.
template <class V>
struct SinCosParts {
  hn::Vec<hn::RebindToSigned<hn::DFromV<V>>> quadrant;
  V sin, cos;
};
template <class V>
HWY_INLINE SinCosParts<V> sin_cos_parts(V x) {
  const hn::RebindToSigned<hn::DFromV<V>> di;
  const V magic = set(x, 12582912.0f);
  const V shifted = hn::MulAdd(x, set(x, 0.636619747f), magic);
  const V n = hn::Sub(shifted, magic);
  V r = hn::NegMulAdd(n, set(x, 1.57079601f), x);
  r = hn::NegMulAdd(n, set(x, 3.13916473e-7f), r);
  r = hn::NegMulAdd(n, set(x, 5.39030253e-15f), r);
  const V s = hn::Mul(r, r);
  const V sin = polynomial(s, 2.86567956e-6f, -1.98559923e-4f, 8.33338592e-3f, -1.66666672e-1f);
  const V cos = polynomial(s, 2.44677067e-5f, -1.38877297e-3f, 4.16666567e-2f, -0.5f, 1.0f);
  return {hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, magic)),
          hn::MulAdd(sin, hn::Mul(r, s), r), cos};
}
inline constexpr float kSinLimit = 1.0e5f;  // beyond, the three-part reduction loses accuracy

// The sine of x + quadrants * pi/2.
template <class V>
HWY_INLINE V shifted_sin(V x, int quadrants) {
  const hn::DFromV<V> d;
  const hn::RebindToSigned<hn::DFromV<V>> di;
  const auto parts = sin_cos_parts(x);
  const auto q = hn::Add(parts.quadrant, hn::Set(di, quadrants));
  const auto odd = hn::MaskFromVec(hn::BitCast(d, hn::Neg(hn::And(q, hn::Set(di, 1)))));
  const V sign = hn::BitCast(d, hn::ShiftLeft<30>(hn::And(q, hn::Set(di, 2))));
  return hn::Xor(hn::IfThenElse(odd, parts.cos, parts.sin), sign);
}
template <class V>
HWY_INLINE V sin(V x) {
  return patch_lanes(hn::Gt(hn::Abs(x), set(x, kSinLimit)), x, shifted_sin(x, 0),
                     [](float v) { return std::sin(v); });
}
template <class V>
HWY_INLINE V cos(V x) {
  return patch_lanes(hn::Gt(hn::Abs(x), set(x, kSinLimit)), x, shifted_sin(x, 1),
                     [](float v) { return std::cos(v); });
}
template <class V>
HWY_INLINE V tan(V x) {
  return patch_lanes(hn::Gt(hn::Abs(x), set(x, kSinLimit)), x,
                     hn::Div(shifted_sin(x, 0), shifted_sin(x, 1)),
                     [](float v) { return std::tan(v); });
}

}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the include guard that Highway flips
