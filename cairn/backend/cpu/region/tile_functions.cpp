#include "cairn/backend/cpu/region/tile_functions.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "cairn/backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/region/tile_functions.cpp"
#include <hwy/foreach_target.h>

#include "cairn/backend/cpu/region/vector_math-inl.h"
#include "cairn/backend/cpu/store-inl.h"

#ifndef CAIRN_SCALAR_FUNCTIONS
#define CAIRN_SCALAR_FUNCTIONS
namespace cairn::cpu {

// Python's modulo: the sign of the divisor.
inline float remainder_of(float a, float b) {
  const float r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

// Giles (2010), "Approximating the erfinv function", refined by two steps of Newton in double.
inline float erfinv_of(float y) {
  if (!(std::fabs(y) < 1)) return std::fabs(y) == 1 ? std::copysign(INFINITY, y) : NAN;
  const double w = -std::log((1.0 - y) * (1.0 + y));
  const double a = w < 5 ? w - 2.5 : std::sqrt(w) - 3;
  double x = w < 5 ? ((-0.00417768164 * a + 0.246640727) * a + 1.50140941) * y
                   : ((0.00943887047 * a + 1.00167406) * a + 2.83297682) * y;
  for (int step = 0; step < 3; ++step)
    x -= (std::erf(x) - y) / (1.1283791670955126 * std::exp(-x * x));
  return static_cast<float>(x);
}

inline float lgamma_of(float x) {
  int sign;  // not std::lgamma, which writes a global variable
  return static_cast<float>(::lgamma_r(x, &sign));
}

}  // namespace cairn::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kTilePeriod>;
using Vec = hn::Vec<D>;
using Mask = hn::Mask<D>;
struct Params {
  Vec p0, p1;
};

// Calls f on vectors, with the parameters if it wants them.
template <class F, class... Vs>
HWY_INLINE Vec call(F f, const Params& params, Vs... vs) {
  if constexpr (std::is_invocable_v<F, Params, Vs...>) return f(params, vs...);
  else return f(vs...);
}

// Walks an operand in blocks of kTilePeriod values; one that repeats stays where it is.
class Reader {
 public:
  Reader(const TileArgs& t, int k)
      : p_(t.in[k]), step_(t.mask[k] == kWholeTile ? kTilePeriod : 0) {}
  HWY_INLINE Vec whole(size_t at) const { return hn::LoadU(D(), p_ + at); }
  HWY_INLINE Vec part(Mask mask, size_t at) const { return hn::MaskedLoad(mask, D(), p_ + at); }
  HWY_INLINE void next_block() { p_ += step_; }

 private:
  const float* p_;
  size_t step_;
};

// out[i] = f(in0[i], in1[i], ...) with f on vectors.
template <class F, class... Readers>
HWY_INLINE void map(const TileArgs& t, Readers... in) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  const Params params{hn::Set(d, t.p0), hn::Set(d, t.p1)};
  float* out = t.out;
  size_t n = t.n;
  for (; n >= kTilePeriod; n -= kTilePeriod, out += kTilePeriod) {
    for (size_t i = 0; i < kTilePeriod; i += hn::MaxLanes(d))
      hn::StoreU(call(F(), params, in.whole(i)...), d, out + i);
    (in.next_block(), ...);
  }
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(call(F(), params, in.whole(i)...), d, out + i);
  if (i == n) return;
  const Mask rest = hn::FirstN(d, n - i);
  stores::HWY_NAMESPACE::store_first(call(F(), params, in.part(rest, i)...), rest, d, out + i);
}
template <class F>
void run1(const TileArgs& t) {
  map<F>(t, Reader(t, 0));
}
template <class F>
void run2(const TileArgs& t) {
  map<F>(t, Reader(t, 0), Reader(t, 1));
}
template <class F>
void run3(const TileArgs& t) {
  map<F>(t, Reader(t, 0), Reader(t, 1), Reader(t, 2));
}

// The rare functions, one value after the other through the C library.
template <class F>
void run_scalar1(const TileArgs& t) {
  for (size_t i = 0; i < t.n; ++i) t.out[i] = F()(t.in[0][i & t.mask[0]]);
}
template <class F>
void run_scalar2(const TileArgs& t) {
  for (size_t i = 0; i < t.n; ++i) t.out[i] = F()(t.in[0][i & t.mask[0]], t.in[1][i & t.mask[1]]);
}

// x^p with the exponents that networks use done by arithmetic.
void run_pow_scalar(const TileArgs& t);

template <class F>
TileFunction map1(std::string_view name, F) {
  return {name, 1, run1<F>};
}
template <class F>
TileFunction map2(std::string_view name, F) {
  return {name, 2, run2<F>};
}
template <class F>
TileFunction map3(std::string_view name, F) {
  return {name, 3, run3<F>};
}
template <class F>
TileFunction scalar1(std::string_view name, F) {
  return {name, 1, run_scalar1<F>};
}
template <class F>
TileFunction scalar2(std::string_view name, F) {
  return {name, 2, run_scalar2<F>};
}

HWY_INLINE Vec zero() { return hn::Zero(D()); }
HWY_INLINE Vec number(float value) { return hn::Set(D(), value); }
HWY_INLINE Vec flag(Mask m) { return hn::IfThenElseZero(m, number(1)); }
HWY_INLINE Mask truth(Vec v) { return hn::Not(hn::Eq(v, zero())); }  // NaN is true
HWY_INLINE Vec clamp(Vec x, Vec lo, Vec hi) { return at_most(at_least(x, lo), hi); }
HWY_INLINE Vec log1p_exp_minus(Vec size) {
  return log1p(exp(hn::Neg(size)));
}  // of size >= 0: from log 2 down to 0
HWY_INLINE Vec softplus(Vec x) { return hn::Add(at_least(x, zero()), log1p_exp_minus(hn::Abs(x))); }
HWY_INLINE Vec logaddexp(Vec a, Vec b) {  // infinity less itself is no difference
  const Vec apart = hn::IfThenZeroElse(hn::Eq(a, b), hn::Abs(hn::Sub(a, b)));
  return hn::Add(nan_max(a, b), log1p_exp_minus(apart));
}
// To the nearest that the type has, halves to even, as a store to it rounds.
HWY_INLINE Vec round_bf16(Vec x) {
  const hn::RebindToUnsigned<D> du;
  const auto bits = hn::BitCast(du, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const auto up = hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fff)));
  const Vec rounded = hn::BitCast(D(), hn::And(up, hn::Set(du, 0xffff0000u)));
  return hn::IfThenElse(hn::IsNaN(x), x, rounded);
}
HWY_INLINE Vec round_f16(Vec x) {
  return hn::PromoteTo(D(), hn::DemoteTo(hn::Rebind<hwy::float16_t, D>(), x));
}
HWY_INLINE Vec binary_cross_entropy(Vec p, Vec t) {
  const Vec least = number(-100);
  const Vec yes = at_least(log(p), least), no = at_least(log1p(hn::Neg(p)), least);
  return hn::Neg(hn::MulAdd(t, yes, hn::Mul(hn::Sub(number(1), t), no)));
}
HWY_INLINE Vec binary_cross_entropy_with_logits(Vec x, Vec t) {
  const Vec wrong = hn::Mul(x, hn::Sub(flag(hn::Gt(x, zero())), t));
  return hn::Add(wrong, log1p_exp_minus(hn::Abs(x)));
}
HWY_INLINE Vec elu(Vec x, Vec alpha) {
  return hn::IfThenElse(hn::Gt(x, zero()), x, hn::Mul(alpha, expm1(x)));
}
HWY_INLINE Vec gelu_gate(Vec x) {
  return hn::MulAdd(number(0.5f), erf(hn::Mul(x, number(0.707106781f))), number(0.5f));
}
HWY_INLINE Vec gelu_slope(Vec x, Vec gate) {
  const Vec e = exp(hn::Mul(hn::Mul(x, x), number(-0.5f)));
  return hn::MulAdd(hn::Mul(x, number(0.398942280f)), e, gate);
}
HWY_INLINE Vec gelu_tanh_gate(Vec x) {  // (1 + tanh(u)) / 2 = sigmoid(2 u)
  const Vec u =
      hn::Mul(x, hn::MulAdd(hn::Mul(x, x), number(-0.0713548162726f), number(-1.59576912161f)));
  return hn::Div(number(1), hn::Add(number(1), exp(u)));
}
HWY_INLINE Vec gelu_tanh_slope(Vec x, Vec gate) {
  const Vec inner = hn::MulAdd(hn::Mul(x, x), number(0.214064448818f), number(1.59576912161f));
  const Vec rest = hn::Mul(hn::Mul(x, gate), hn::Sub(number(1), gate));
  return hn::MulAdd(rest, inner, gate);
}
HWY_INLINE Vec mish(Vec x) {  // tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2)
  const Vec e = exp(at_most(x, number(20)));
  const Vec s = hn::Mul(e, hn::Add(e, number(2)));
  return hn::Mul(x, hn::Div(s, hn::Add(s, number(2))));
}

// The table. A vector function gets Vec (and Params first, if it takes them).
const TileFunction* table(size_t& count) {
  using V = Vec;
  using P = Params;
  static const TileFunction functions[] = {
      map1("identity", [](V x) { return x; }),
      map1("copy", [](V x) { return x; }),
      map2("add", [](V a, V b) { return hn::Add(a, b); }),
      map2("sub", [](V a, V b) { return hn::Sub(a, b); }),
      map2("mul", [](V a, V b) { return hn::Mul(a, b); }),
      map2("div", [](V a, V b) { return hn::Div(a, b); }),
      map3("fma", [](V a, V b, V c) { return hn::MulAdd(a, b, c); }),
      map2("maximum", [](V a, V b) { return nan_max(a, b); }),
      map2("minimum", [](V a, V b) { return nan_min(a, b); }),
      map1("add_scalar", [](P p, V x) { return hn::Add(x, p.p0); }),
      map1("mul_scalar", [](P p, V x) { return hn::Mul(x, p.p0); }),
      map1("neg", [](V x) { return hn::Neg(x); }),
      map1("abs", [](V x) { return hn::Abs(x); }),
      map1("sign", [](V x) { return hn::Sub(flag(hn::Gt(x, zero())), flag(hn::Lt(x, zero()))); }),
      map1("square", [](V x) { return hn::Mul(x, x); }),
      map1("sqrt", [](V x) { return hn::Sqrt(x); }),
      map1("rsqrt", [](V x) { return hn::Div(number(1), hn::Sqrt(x)); }),
      map1("reciprocal", [](V x) { return hn::Div(number(1), x); }),
      map1("floor", [](V x) { return hn::Floor(x); }),
      map1("ceil", [](V x) { return hn::Ceil(x); }),
      map1("round", [](V x) { return hn::Round(x); }),
      map1("trunc", [](V x) { return hn::Trunc(x); }),
      map1("round_bf16", [](V x) { return round_bf16(x); }),
      map1("round_f16", [](V x) { return round_f16(x); }),
      // exponentials and logarithms
      map1("exp", [](V x) { return exp(x); }),
      map1("exp2", [](V x) { return exp2(x); }),
      map1("expm1", [](V x) { return expm1(x); }),
      map1("log", [](V x) { return log(x); }),
      map1("log2", [](V x) { return log2(x); }),
      map1("log10", [](V x) { return log10(x); }),
      map1("log1p", [](V x) { return log1p(x); }),
      map2("logaddexp", [](V a, V b) { return logaddexp(a, b); }),
      map2("binary_cross_entropy", [](V p, V t) { return binary_cross_entropy(p, t); }),
      map2("binary_cross_entropy_with_logits",
           [](V x, V t) { return binary_cross_entropy_with_logits(x, t); }),
      scalar2("pow", [](float a, float b) { return std::pow(a, b); }),
      {"pow_scalar", 1, run_pow_scalar},
      // trigonometry and special functions
      map1("sin", [](V x) { return sin(x); }),
      map1("cos", [](V x) { return cos(x); }),
      map1("tan", [](V x) { return tan(x); }),
      scalar1("asin", [](float x) { return std::asin(x); }),
      scalar1("acos", [](float x) { return std::acos(x); }),
      scalar1("atan", [](float x) { return std::atan(x); }),
      scalar2("atan2", [](float y, float x) { return std::atan2(y, x); }),
      scalar1("sinh", [](float x) { return std::sinh(x); }),
      scalar1("cosh", [](float x) { return std::cosh(x); }),
      map1("tanh", [](V x) { return tanh(x); }),
      scalar1("asinh", [](float x) { return std::asinh(x); }),
      scalar1("acosh", [](float x) { return std::acosh(x); }),
      scalar1("atanh", [](float x) { return std::atanh(x); }),
      map1("erf", [](V x) { return erf(x); }),
      scalar1("erfc", [](float x) { return std::erfc(x); }),
      scalar1("erfinv", [](float x) { return erfinv_of(x); }),
      scalar1("lgamma", [](float x) { return lgamma_of(x); }),
      scalar2("fmod", [](float a, float b) { return std::fmod(a, b); }),
      scalar2("remainder", [](float a, float b) { return remainder_of(a, b); }),
      // comparisons and logic: 1 or 0
      map2("eq", [](V a, V b) { return flag(hn::Eq(a, b)); }),
      map2("ne", [](V a, V b) { return flag(hn::Not(hn::Eq(a, b))); }),
      map2("lt", [](V a, V b) { return flag(hn::Lt(a, b)); }),
      map2("le", [](V a, V b) { return flag(hn::Le(a, b)); }),
      map2("gt", [](V a, V b) { return flag(hn::Gt(a, b)); }),
      map2("ge", [](V a, V b) { return flag(hn::Ge(a, b)); }),
      map2("logical_and", [](V a, V b) { return flag(hn::And(truth(a), truth(b))); }),
      map2("logical_or", [](V a, V b) { return flag(hn::Or(truth(a), truth(b))); }),
      map2("logical_xor", [](V a, V b) { return flag(hn::Xor(truth(a), truth(b))); }),
      map1("logical_not", [](V x) { return flag(hn::Eq(x, zero())); }),
      map1("isnan", [](V x) { return flag(hn::IsNaN(x)); }),
      map1("isinf", [](V x) { return flag(hn::Eq(hn::Abs(x), number(INFINITY))); }),
      map1("isfinite", [](V x) { return flag(hn::Lt(hn::Abs(x), number(INFINITY))); }),
      map3("where", [](V c, V a, V b) { return hn::IfThenElse(truth(c), a, b); }),
      // activations
      map1("relu", [](V x) { return at_least(x, zero()); }),
      map1("leaky_relu",
           [](P p, V x) { return hn::IfThenElse(hn::Gt(x, zero()), x, hn::Mul(x, p.p0)); }),
      map1("elu", [](P p, V x) { return elu(x, p.p0); }),
      map1("sigmoid", [](V x) { return sigmoid(x); }),
      map1("log_sigmoid",
           [](V x) { return hn::Sub(at_most(x, zero()), log1p_exp_minus(hn::Abs(x))); }),
      map1("softplus",
           [](P p, V x) {  // p0: beta, p1: threshold
             const V scaled = hn::Mul(x, p.p0);
             return hn::IfThenElse(hn::Gt(scaled, p.p1), x, hn::Div(softplus(scaled), p.p0));
           }),
      map1("softsign", [](V x) { return hn::Div(x, hn::Add(number(1), hn::Abs(x))); }),
      map1("silu", [](V x) { return hn::Mul(x, sigmoid(x)); }),
      map1("gelu", [](V x) { return hn::Mul(x, gelu_gate(x)); }),
      map1("gelu_gate", [](V x) { return gelu_gate(x); }),
      map2("gelu_slope", [](V x, V gate) { return gelu_slope(x, gate); }),
      map1("gelu_tanh", [](V x) { return hn::Mul(x, gelu_tanh_gate(x)); }),
      map1("gelu_tanh_gate", [](V x) { return gelu_tanh_gate(x); }),
      map2("gelu_tanh_slope", [](V x, V gate) { return gelu_tanh_slope(x, gate); }),
      map1("mish", [](V x) { return mish(x); }),
      map1("clamp", [](P p, V x) { return clamp(x, p.p0, p.p1); }),
      map1("clamp_min", [](P p, V x) { return at_least(x, p.p0); }),
      map1("clamp_max", [](P p, V x) { return at_most(x, p.p0); }),
      map1("hardsigmoid",
           [](V x) {
             return hn::Mul(clamp(hn::Add(x, number(3)), zero(), number(6)), number(1.0f / 6));
           }),
      map1("hardswish",
           [](V x) {
             return hn::Mul(hn::Mul(x, clamp(hn::Add(x, number(3)), zero(), number(6))),
                            number(1.0f / 6));
           }),
  };
  count = std::size(functions);
  return functions;
}

void run_pow_scalar(const TileArgs& t) {
  const float p = t.p0;
  if (p == 2) return map1("", [](Vec x) { return hn::Mul(x, x); }).kernel(t);
  if (p == 3) return map1("", [](Vec x) { return hn::Mul(hn::Mul(x, x), x); }).kernel(t);
  if (p == 1) return map1("", [](Vec x) { return x; }).kernel(t);
  if (p == 0.5f) return map1("", [](Vec x) { return hn::Sqrt(x); }).kernel(t);
  if (p == -1) return map1("", [](Vec x) { return hn::Div(number(1), x); }).kernel(t);
  if (p == -0.5f) return map1("", [](Vec x) { return hn::Div(number(1), hn::Sqrt(x)); }).kernel(t);
  for (size_t i = 0; i < t.n; ++i) t.out[i] = std::pow(t.in[0][i & t.mask[0]], p);
}

}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {

HWY_EXPORT(table);

std::span<const TileFunction> tile_functions() {
  static const std::span<const TileFunction> functions = [] {
    size_t count = 0;
    const TileFunction* first = HWY_DYNAMIC_DISPATCH(table)(count);
    return std::span(first, count);
  }();
  return functions;
}

const TileFunction* find_tile_function(std::string_view name) {
  static const auto index = [] {
    std::unordered_map<std::string_view, const TileFunction*> map;
    for (const auto& f : tile_functions()) map.emplace(f.name, &f);
    return map;
  }();
  const auto found = index.find(name);
  return found == index.end() ? nullptr : found->second;
}

}  // namespace cairn::cpu
#endif
