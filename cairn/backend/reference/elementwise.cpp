#include <cmath>
#include <limits>

#include "cairn/backend/reference/kernels.h"

namespace cairn::reference {
namespace {

// Flat index into an input that broadcasts to `shape`.
int64_t broadcast_index(const Ints& where, const Shape& input) {
  const size_t extra = where.size() - input.size();
  int64_t flat = 0;
  for (size_t d = 0; d < input.size(); ++d) flat = flat * input[d] + (input[d] == 1 ? 0 : where[d + extra]);
  return flat;
}

using Unary = double (*)(double x, const Attrs& a);
using Binary = double (*)(double x, double y);

template <Unary f>
void map(const Call& c) {
  const View x = c.in(0), y = c.out();
  for (int64_t i = 0; i < y.count(); ++i) y.set(i, f(x.get(i), c.attrs()));
}

template <Binary f>
void zip(const Call& c) {
  const View a = c.in(0), b = c.in(1), y = c.out();
  if (y.count() == 0) return;
  Ints where(y.shape().size(), 0);
  int64_t i = 0;
  do {
    y.set(i++, f(a.get(broadcast_index(where, a.shape())), b.get(broadcast_index(where, b.shape()))));
  } while (next(where, y.shape()));
}

void where_kernel(const Call& c) {
  const View k = c.in(0), a = c.in(1), b = c.in(2), y = c.out();
  if (y.count() == 0) return;
  Ints where(y.shape().size(), 0);
  int64_t i = 0;
  do {
    const View& from = k.get(broadcast_index(where, k.shape())) != 0 ? a : b;
    y.set_integer(i, 0);
    if (c.op.out().dtype == DType::i64) y.set_integer(i, from.get_integer(broadcast_index(where, from.shape())));
    else y.set(i, from.get(broadcast_index(where, from.shape())));
    ++i;
  } while (next(where, y.shape()));
}

void copy(const Call& c) {
  const View x = c.in(0), y = c.out();
  const bool integers = c.op.dtype() == DType::i64 && c.op.out().dtype == DType::i64;
  for (int64_t i = 0; i < y.count(); ++i) {
    if (integers) y.set_integer(i, x.get_integer(i));
    else y.set(i, x.get(i));
  }
}

double largest(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }
double smallest(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); }
double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double limit(double x, double low, double high) { return std::isnan(x) ? x : std::min(std::max(x, low), high); }
double hard_sigmoid(double x) { return limit(x / 6 + 0.5, 0, 1); }
double gelu_gate(double x) { return 0.5 * std::erfc(-x * M_SQRT1_2); }
double gelu_slope(double x, double gate) { return gate + x * std::exp(-0.5 * x * x) / std::sqrt(2 * M_PI); }
double gelu_tanh_gate(double x) { return 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }
double gelu_tanh_slope(double x, double gate) {
  return gate + x * gate * (1 - gate) * 2 * std::sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x);
}

#define X(expression) map<+[](double x, const Attrs& a) -> double { return (expression); }>
#define XY(expression) zip<+[](double x, double y) -> double { return (expression); }>
const Row kRows[] = {
    {"add", XY(x + y)}, {"sub", XY(x - y)}, {"mul", XY(x * y)}, {"div", XY(x / y)},
    {"pow", XY(std::pow(x, y))}, {"maximum", zip<largest>}, {"minimum", zip<smallest>},
    {"fmod", XY(std::fmod(x, y))}, {"remainder", XY(x - y * std::floor(x / y))}, {"atan2", XY(std::atan2(x, y))},
    {"add_scalar", X(x + a.number("value"))}, {"mul_scalar", X(x * a.number("value"))},
    {"pow_scalar", X(std::pow(x, a.number("value")))},
    {"neg", X(-x)}, {"abs", X(std::fabs(x))}, {"sign", X(std::isnan(x) ? x : (x > 0) - (x < 0))},
    {"square", X(x * x)}, {"sqrt", X(std::sqrt(x))}, {"rsqrt", X(1 / std::sqrt(x))}, {"reciprocal", X(1 / x)},
    {"exp", X(std::exp(x))}, {"exp2", X(std::exp2(x))}, {"expm1", X(std::expm1(x))}, {"log", X(std::log(x))},
    {"log1p", X(std::log1p(x))}, {"log2", X(std::log2(x))}, {"sin", X(std::sin(x))}, {"cos", X(std::cos(x))},
    {"tan", X(std::tan(x))}, {"asin", X(std::asin(x))}, {"acos", X(std::acos(x))}, {"atan", X(std::atan(x))},
    {"sinh", X(std::sinh(x))}, {"cosh", X(std::cosh(x))}, {"tanh", X(std::tanh(x))}, {"erf", X(std::erf(x))},
    {"floor", X(std::floor(x))}, {"ceil", X(std::ceil(x))}, {"round", X(std::nearbyint(x))}, {"trunc", X(std::trunc(x))},
    {"clamp", X(limit(x, a.number("low"), a.number("high")))}, {"clamp_min", X(largest(x, a.number("low")))},
    {"clamp_max", X(smallest(x, a.number("high")))}, {"relu", X(largest(x, 0))},
    {"leaky_relu", X(x > 0 ? x : x * a.number("negative_slope"))},
    {"elu", X(x > 0 ? x : a.number("alpha") * std::expm1(x))},
    {"softplus", X(x * a.number("beta") > a.number("threshold") ? x : softplus(x * a.number("beta")) / a.number("beta"))},
    {"softsign", X(x / (1 + std::fabs(x)))}, {"sigmoid", X(sigmoid(x))}, {"log_sigmoid", X(-softplus(-x))},
    {"silu", X(x * sigmoid(x))}, {"mish", X(x * std::tanh(softplus(x)))},
    {"gelu", X(x * gelu_gate(x))}, {"gelu_gate", X(gelu_gate(x))}, {"gelu_slope", XY(gelu_slope(x, y))},
    {"gelu_tanh", X(x * gelu_tanh_gate(x))}, {"gelu_tanh_gate", X(gelu_tanh_gate(x))},
    {"gelu_tanh_slope", XY(gelu_tanh_slope(x, y))},
    {"hardsigmoid", X(hard_sigmoid(x))}, {"hardswish", X(x * hard_sigmoid(x))},
    {"eq", XY(x == y)}, {"ne", XY(x != y)}, {"lt", XY(x < y)}, {"le", XY(x <= y)}, {"gt", XY(x > y)}, {"ge", XY(x >= y)},
    {"logical_and", XY(x != 0 && y != 0)}, {"logical_or", XY(x != 0 || y != 0)},
    {"logical_xor", XY((x != 0) != (y != 0))}, {"logical_not", X(x == 0)},
    {"isnan", X(std::isnan(x))}, {"isinf", X(std::isinf(x))}, {"isfinite", X(std::isfinite(x))},
    {"where", where_kernel}, {"cast", copy}, {"copy", copy}, {"reorder", copy},
};
#undef X
#undef XY

}  // namespace

std::span<const Row> elementwise_kernels() { return kRows; }

}  // namespace cairn::reference
