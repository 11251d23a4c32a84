#include "cairn/nn/init.h"

#include <cmath>

#include "cairn/base/error.h"
#include "cairn/ops/functions.h"

namespace cairn::nn::init {
namespace {

thread_local bool draws = true;

double kaiming_deviation(const Shape& shape, double a, Fan fan) {
  const Fans fans = fans_of(shape);
  return std::sqrt(2 / (1 + a * a)) / std::sqrt(fan == Fan::in ? fans.in : fans.out);
}

// Modified Gram-Schmidt, twice for accuracy, on the rows of m [rows, columns], rows <= columns.
void orthonormalise(std::vector<double>& m, int64_t rows, int64_t columns) {
  const auto row = [&](int64_t i) { return m.data() + i * columns; };
  const auto dot = [&](const double* a, const double* b) {
    double sum = 0;
    for (int64_t k = 0; k < columns; ++k) sum += a[k] * b[k];
    return sum;
  };
  for (int64_t i = 0; i < rows; ++i) {
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t j = 0; j < i; ++j) {
        const double along = dot(row(i), row(j));
        for (int64_t k = 0; k < columns; ++k) row(i)[k] -= along * row(j)[k];
      }
    const double length = std::sqrt(dot(row(i), row(i)));
    for (int64_t k = 0; k < columns; ++k) row(i)[k] /= length;
  }
}

}  // namespace

Undrawn::Undrawn() : before_(draws) { draws = false; }
Undrawn::~Undrawn() { draws = before_; }

Fans fans_of(const Shape& weight) {
  check(weight.ssize() >= 2,
        "init: fan in and fan out of shape {}: it needs two dimensions or more", to_string(weight));
  double kernel = 1;
  for (int d = 2; d < weight.ssize(); ++d) kernel *= static_cast<double>(weight[d]);
  return {static_cast<double>(weight[1]) * kernel, static_cast<double>(weight[0]) * kernel};
}

Tensor uniform(const Shape& shape, double low, double high) {
  return draws ? cairn::uniform(shape, low, high) : zeros(shape);
}
Tensor normal(const Shape& shape, double mean, double deviation) {
  return draws ? cairn::normal(shape, mean, deviation) : zeros(shape);
}
Tensor constant(const Shape& shape, double value) { return full(shape, value); }

// By the inverse of the distribution function: erf^-1 is solved for on the host.
Tensor trunc_normal(const Shape& shape, double mean, double deviation, double low, double high) {
  if (!draws) return zeros(shape);
  const auto cdf = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  const double from = cdf((low - mean) / deviation), to = cdf((high - mean) / deviation);
  std::vector<float> values = rand(shape).to_vector<float>();
  for (float& value : values) {
    const double wanted = from + value * (to - from);
    double a = (low - mean) / deviation, b = (high - mean) / deviation;
    for (int i = 0; i < 40; ++i) (cdf((a + b) / 2) < wanted ? a : b) = (a + b) / 2;
    value = static_cast<float>(mean + deviation * (a + b) / 2);
  }
  return from_host(values.data(), shape, DType::f32);
}

Tensor xavier_uniform(const Shape& shape, double gain) {
  const Fans fans = fans_of(shape);
  const double bound = gain * std::sqrt(6 / (fans.in + fans.out));
  return init::uniform(shape, -bound, bound);
}
Tensor xavier_normal(const Shape& shape, double gain) {
  const Fans fans = fans_of(shape);
  return init::normal(shape, 0, gain * std::sqrt(2 / (fans.in + fans.out)));
}
Tensor kaiming_uniform(const Shape& shape, double a, Fan fan) {
  const double bound = std::sqrt(3.0) * kaiming_deviation(shape, a, fan);
  return init::uniform(shape, -bound, bound);
}
Tensor kaiming_normal(const Shape& shape, double a, Fan fan) {
  return init::normal(shape, 0, kaiming_deviation(shape, a, fan));
}

Tensor orthogonal(const Shape& shape, double gain) {
  check(shape.ssize() >= 2, "init: orthogonal needs two dimensions or more, not {}",
        to_string(shape));
  if (!draws) return zeros(shape);
  const int64_t rows = shape[0], columns = numel(shape) / std::max<int64_t>(rows, 1);
  const bool wide = rows <= columns;
  const std::vector<float> random =
      randn(wide ? Shape{rows, columns} : Shape{columns, rows}).to_vector<float>();
  std::vector<double> m(random.begin(), random.end());
  orthonormalise(m, std::min(rows, columns), std::max(rows, columns));
  std::vector<float> values(m.size());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      values[i * columns + j] =
          static_cast<float>(gain * (wide ? m[i * columns + j] : m[j * rows + i]));
  return from_host(values.data(), shape, DType::f32);
}

}  // namespace cairn::nn::init
