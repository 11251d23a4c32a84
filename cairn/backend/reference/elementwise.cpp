#include <algorithm>
#include <cmath>
#include <limits>

#include "cairn/backend/reference/kernels.h"

namespace cairn::reference {
namespace {

// Flat index into an input that broadcasts to `shape`.
int64_t broadcast_index(const Ints& where, const Shape& input) {
  const size_t extra = where.size() - input.size();
  int64_t flat = 0;
  for (size_t d = 0; d < input.size(); ++d)
    flat = flat * input[d] + (input[d] == 1 ? 0 : where[d + extra]);
  return flat;
}

using Unary = double (*)(double x, const Attrs& a);
using Binary = double (*)(double x, double y);
using IntegerUnary = int64_t (*)(int64_t x, const Attrs& a);
using IntegerBinary = int64_t (*)(int64_t x, int64_t y);

template <Unary f>
void map(const Call& c) {
  const View x = c.in(0), y = c.out();
  for (int64_t i = 0; i < y.count(); ++i) y.set(i, f(x.get(i), c.attrs()));
}
// Integers in their own arithmetic: all of i64 is exact.
template <Unary f, IntegerUnary of_integers>
void map_exact(const Call& c) {
  if (!is_integer(c.op.dtype())) return map<f>(c);
  const View x = c.in(0), y = c.out();
  for (int64_t i = 0; i < y.count(); ++i)
    y.set_integer(i, of_integers(x.get_integer(i), c.attrs()));
}

// each(output index, index into a, index into b).
template <class F>
void each_pair(const Call& c, F each) {
  const View a = c.in(0), b = c.in(1), y = c.out();
  if (y.count() == 0) return;
  Ints where(y.shape().size(), 0);
  int64_t i = 0;
  do {
    each(i++, broadcast_index(where, a.shape()), broadcast_index(where, b.shape()));
  } while (next(where, y.shape()));
}
template <Binary f>
void zip(const Call& c) {
  const View a = c.in(0), b = c.in(1), y = c.out();
  each_pair(c, [&](int64_t i, int64_t ia, int64_t ib) { y.set(i, f(a.get(ia), b.get(ib))); });
}
template <Binary f, IntegerBinary of_integers>
void zip_exact(const Call& c) {
  if (!is_integer(c.op.dtype())) return zip<f>(c);
  const View a = c.in(0), b = c.in(1), y = c.out();
  each_pair(c, [&](int64_t i, int64_t ia, int64_t ib) {
    y.set_integer(i, of_integers(a.get_integer(ia), b.get_integer(ib)));
  });
}

void where_kernel(const Call& c) {
  const View k = c.in(0), a = c.in(1), b = c.in(2), y = c.out();
  if (y.count() == 0) return;
  Ints where(y.shape().size(), 0);
  int64_t i = 0;
  do {
    const View& from = k.get(broadcast_index(where, k.shape())) != 0 ? a : b;
    if (is_integer(c.op.out().dtype))
      y.set_integer(i, from.get_integer(broadcast_index(where, from.shape())));
    else y.set(i, from.get(broadcast_index(where, from.shape())));
    ++i;
  } while (next(where, y.shape()));
}

void copy(const Call& c) {
  const View x = c.in(0), y = c.out();
  const bool integers = is_integer(c.op.dtype()) && is_integer(c.op.out().dtype);
  const bool overflow_nan = c.attrs().integer_or("overflow_nan", 0);
  for (int64_t i = 0; i < y.count(); ++i) {
    if (integers) y.set_integer(i, x.get_integer(i));
    else if (overflow_nan && std::fabs(x.get(i)) > 464) y.set(i, NAN);  // 464 still rounds to 448
    else y.set(i, x.get(i));
  }
}

double largest(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }
double smallest(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b);
}
// Python's modulo: the sign of the divisor. By 0 an integer gives 0.
double remainder_of(double x, double y) {
  const double r = std::fmod(x, y);
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
int64_t integer_fmod(int64_t x, int64_t y) { return y == 0 || y == -1 ? 0 : x % y; }
int64_t integer_remainder(int64_t x, int64_t y) {
  const int64_t r = integer_fmod(x, y);
  return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
int64_t wrapped(uint64_t value) { return static_cast<int64_t>(value); }
int64_t integer_power(int64_t x, int64_t y) {
  if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
  uint64_t result = 1, factor = static_cast<uint64_t>(x);
  for (; y; y >>= 1, factor *= factor)
    if (y & 1) result *= factor;
  return wrapped(result);
}
int64_t limited(double value) { return static_cast<int64_t>(std::clamp(value, -9.2e18, 9.2e18)); }
double logaddexp(double x, double y) {
  const double apart = x == y ? 0 : std::fabs(x - y);
  return largest(x, y) + std::log1p(std::exp(-apart));
}
double binary_cross_entropy(double p, double t) {
  return -(t * largest(std::log(p), -100) + (1 - t) * largest(std::log1p(-p), -100));
}
double binary_cross_entropy_with_logits(double x, double t) {
  return x * ((x > 0) - t) + std::log1p(std::exp(-std::fabs(x)));
}
double inverse_erf(double y) {
  if (!(std::fabs(y) < 1)) return std::fabs(y) == 1 ? std::copysign(INFINITY, y) : NAN;
  double x = 0;
  for (int step = 0; step < 200; ++step) {  // Halley: also from 0 it never overshoots
    const double e = (std::erf(x) - y) / (2 / std::sqrt(M_PI) * std::exp(-x * x));
    const double move = e / (1 + x * e);
    x -= move;
    if (std::fabs(move) <= 1e-16 * std::fabs(x)) break;
  }
  return x;
}
double power(double x, double p) {
  return p == 0.5 ? std::sqrt(x) : p == -0.5 ? 1 / std::sqrt(x) : std::pow(x, p);
}
double sigmoid(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double limit(double x, double low, double high) {
  return std::isnan(x) ? x : std::min(std::max(x, low), high);
}
double hard_sigmoid(double x) { return limit(x / 6 + 0.5, 0, 1); }
double gelu_gate(double x) { return 0.5 * std::erfc(-x * M_SQRT1_2); }
double gelu_slope(double x, double gate) {
  return gate + x * std::exp(-0.5 * x * x) / std::sqrt(2 * M_PI);
}
double gelu_tanh_gate(double x) {
  return 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double gelu_tanh_slope(double x, double gate) {
  return gate + x * gate * (1 - gate) * 2 * std::sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x);
}

#define X(expression) map<+[](double x, const Attrs& a) -> double { return (expression); }>
#define XY(expression) zip<+[](double x, double y) -> double { return (expression); }>
#define XI(expression, integers)                                              \
  map_exact<+[](double x, const Attrs& a) -> double { return (expression); }, \
            +[](int64_t x, const Attrs& a) -> int64_t { return (integers); }>
#define XYI(expression, integers)                                       \
  zip_exact<+[](double x, double y) -> double { return (expression); }, \
            +[](int64_t x, int64_t y) -> int64_t { return (integers); }>
#define COMPARE(op) XYI(x op y, x op y)
const Row kRows[] = {
    {"add", XYI(x + y, wrapped(uint64_t(x) + uint64_t(y)))},
    {"sub", XYI(x - y, wrapped(uint64_t(x) - uint64_t(y)))},
    {"mul", XYI((x * y), wrapped(uint64_t(x) * uint64_t(y)))},
    {"div", XY(x / y)},
    {"pow", XYI(std::pow(x, y), integer_power(x, y))},
    {"maximum", XYI(largest(x, y), std::max(x, y))},
    {"minimum", XYI(smallest(x, y), std::min(x, y))},
    {"fmod", XYI(std::fmod(x, y), integer_fmod(x, y))},
    {"remainder", XYI(remainder_of(x, y), integer_remainder(x, y))},
    {"atan2", XY(std::atan2(x, y))},
    {"logaddexp", zip<logaddexp>},
    {"binary_cross_entropy", zip<binary_cross_entropy>},
    {"binary_cross_entropy_with_logits", zip<binary_cross_entropy_with_logits>},
    {"add_scalar",
     XI(x + a.number("value"), wrapped(uint64_t(x) + uint64_t(limited(a.number("value")))))},
    {"mul_scalar",
     XI((x * a.number("value")), wrapped(uint64_t(x) * uint64_t(limited(a.number("value")))))},
    {"pow_scalar", X(power(x, a.number("value")))},
    {"neg", XI(-x, wrapped(-uint64_t(x)))},
    {"abs", XI(std::fabs(x), x < 0 ? wrapped(-uint64_t(x)) : x)},
    {"sign", XI((x > 0) - (x < 0), (x > 0) - (x < 0))},
    {"square", XI((x * x), wrapped(uint64_t(x) * uint64_t(x)))},
    {"sqrt", X(std::sqrt(x))},
    {"rsqrt", X(1 / std::sqrt(x))},
    {"reciprocal", X(1 / x)},
    {"exp", X(std::exp(x))},
    {"exp2", X(std::exp2(x))},
    {"expm1", X(std::expm1(x))},
    {"log", X(std::log(x))},
    {"log1p", X(std::log1p(x))},
    {"log2", X(std::log2(x))},
    {"log10", X(std::log10(x))},
    {"asinh", X(std::asinh(x))},
    {"acosh", X(std::acosh(x))},
    {"atanh", X(std::atanh(x))},
    {"erfc", X(std::erfc(x))},
    {"erfinv", X(inverse_erf(x))},
    {"sin", X(std::sin(x))},
    {"cos", X(std::cos(x))},
    {"tan", X(std::tan(x))},
    {"asin", X(std::asin(x))},
    {"acos", X(std::acos(x))},
    {"atan", X(std::atan(x))},
    {"sinh", X(std::sinh(x))},
    {"cosh", X(std::cosh(x))},
    {"tanh", X(std::tanh(x))},
    {"erf", X(std::erf(x))},
    {"floor", X(std::floor(x))},
    {"ceil", X(std::ceil(x))},
    {"round", X(std::nearbyint(x))},
    {"trunc", X(std::trunc(x))},
    {"clamp", XI(limit(x, a.number("low"), a.number("high")),
                 std::min(std::max(x, limited(a.number("low"))), limited(a.number("high"))))},
    {"clamp_min", XI(largest(x, a.number("low")), std::max(x, limited(a.number("low"))))},
    {"clamp_max", XI(smallest(x, a.number("high")), std::min(x, limited(a.number("high"))))},
    {"relu", XI(largest(x, 0), std::max(x, int64_t{0}))},
    {"leaky_relu", X(x > 0 ? x : x * a.number("negative_slope"))},
    {"elu", X(x > 0 ? x : a.number("alpha") * std::expm1(x))},
    {"softplus", X(x* a.number("beta") > a.number("threshold")
                       ? x
                       : softplus(x * a.number("beta")) / a.number("beta"))},
    {"softsign", X(x / (1 + std::fabs(x)))},
    {"sigmoid", X(sigmoid(x))},
    {"log_sigmoid", X(-softplus(-x))},
    {"silu", X(x* sigmoid(x))},
    {"mish", X(x* std::tanh(softplus(x)))},
    {"gelu", X(x* gelu_gate(x))},
    {"gelu_gate", X(gelu_gate(x))},
    {"gelu_slope", XY(gelu_slope(x, y))},
    {"gelu_tanh", X(x* gelu_tanh_gate(x))},
    {"gelu_tanh_gate", X(gelu_tanh_gate(x))},
    {"gelu_tanh_slope", XY(gelu_tanh_slope(x, y))},
    {"hardsigmoid", X(hard_sigmoid(x))},
    {"hardswish", X(x* hard_sigmoid(x))},
    {"eq", COMPARE(==)},
    {"ne", COMPARE(!=)},
    {"lt", COMPARE(<)},
    {"le", COMPARE(<=)},
    {"gt", COMPARE(>)},
    {"ge", COMPARE(>=)},
    {"logical_and", XY(x != 0 && y != 0)},
    {"logical_or", XY(x != 0 || y != 0)},
    {"logical_xor", XY((x != 0) != (y != 0))},
    {"logical_not", X(x == 0)},
    {"isnan", X(std::isnan(x))},
    {"isinf", X(std::isinf(x))},
    {"isfinite", X(std::isfinite(x))},
    {"where", where_kernel},
    {"cast", copy},
    {"copy", copy},
    {"reorder", copy},
};
#undef X
#undef XY
#undef XI
#undef XYI
#undef COMPARE

}  // namespace

std::span<const Row> elementwise_kernels() { return kRows; }

}  // namespace cairn::reference
