// Vector sigmoid and tanh, relative error below 3e-7 where the result is no subnormal number
// (re-included per target).
#if defined(CAIRN_RNN_GATES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_RNN_GATES_INL_H_
#undef CAIRN_RNN_GATES_INL_H_
#else
#define CAIRN_RNN_GATES_INL_H_
#endif

#include <hwy/highway.h>

#include "cairn/backend/cpu/limits-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::rnn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D, class V>
HWY_INLINE V horner(D d, V x, V sum) {
  return sum;
}
template <class D, class V, class... Rest>
HWY_INLINE V horner(D d, V x, V sum, float next, Rest... rest) {
  return horner(d, x, hn::MulAdd(sum, x, hn::Set(d, next)), rest...);
}

// x within [low, high]; NaN stays: a network that has lost its numbers must say so.
template <class D, class V>
HWY_INLINE V clamp_numbers(D d, V x, float low, float high) {
  using limits::HWY_NAMESPACE::at_least, limits::HWY_NAMESPACE::at_most;
  return at_most(at_least(x, hn::Set(d, low)), hn::Set(d, high));
}

// e^x, of x < -87 that of -87, of x > 88.37 infinity: x = n ln 2 + r, then 2^n times a polynomial
// in r (Cephes).
template <class D, class V>
HWY_INLINE V exponential(D d, V x) {
  x = clamp_numbers(d, x, -87.0f, 89.0f);
  const auto n = hn::NearestInt(hn::Mul(x, hn::Set(d, 1.44269504f)));
  const V whole = hn::ConvertTo(d, n);
  V r = hn::MulAdd(whole, hn::Set(d, -0.693359375f), x);
  r = hn::MulAdd(whole, hn::Set(d, 2.12194440e-4f), r);
  const V p = horner(d, r, hn::Set(d, 1.9875691500e-4f), 1.3981999507e-3f, 8.3334519073e-3f,
                     4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f);
  const V mantissa = hn::Add(hn::MulAdd(p, hn::Mul(r, r), r), hn::Set(d, 1.0f));
  const auto exponent = hn::ShiftLeft<23>(hn::Add(n, hn::Set(hn::RebindToSigned<D>(), 127)));
  return hn::Mul(mantissa, hn::BitCast(d, exponent));
}

template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, exponential(d, hn::Neg(x))));
}

// Odd rational function of degree 13/6 (the one Eigen uses); tanh is 1 in f32 past the clamp.
template <class D, class V>
HWY_INLINE V hyperbolic_tangent(D d, V x) {
  x = clamp_numbers(d, x, -7.99881172f, 7.99881172f);
  const V y = hn::Mul(x, x);
  const V p = horner(d, y, hn::Set(d, -2.76076847742355e-16f), 2.00018790482477e-13f,
                     -8.60467152213735e-11f, 5.12229709037114e-08f, 1.48572235717979e-05f,
                     6.37261928875436e-04f, 4.89352455891786e-03f);
  const V q = horner(d, y, hn::Set(d, 1.19825839466702e-06f), 1.18534705686654e-04f,
                     2.26843463243900e-03f, 4.89352518554385e-03f);
  return hn::Div(hn::Mul(x, p), q);
}

}  // namespace cairn::cpu::rnn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
