#include "cairn/metrics/distributions.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/metrics/symmetric_eigen.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::metrics {
namespace {

void check_alike(int64_t a, int64_t b) {
  check(a == b, "features of {} and of {} numbers: measure both sets with one network", a, b);
}

// V diag(sqrt(values)) V^T, negative values (rounding) taken as 0.
std::vector<double> square_root(const std::vector<double>& matrix, int64_t n) {
  const SymmetricEigen e = symmetric_eigen(matrix, n);
  std::vector<double> root(matrix.size(), 0);
  for (int64_t k = 0; k < n; ++k) {
    const double scale = std::sqrt(std::max(0.0, e.values[k]));
    const double* v = &e.vectors[k * n];
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) root[i * n + j] += scale * v[i] * v[j];
  }
  return root;
}

std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, int64_t n) {
  std::vector<double> c(a.size(), 0);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < n; ++k)
      for (int64_t j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
  return c;
}

// ---- neighbours

constexpr int64_t kBlock = 512;  // rows at once

Tensor as_tensor(const Features& f, int64_t first, int64_t count) {
  return from_host(f.row(first), {count, f.dim}, DType::f32);
}

// Squared distances between rows [first, first + count) of `a` and all of `b`: [count, b.count].
Tensor squared_distances(const Features& a, int64_t first, int64_t count, const Tensor& b,
                         const Tensor& b_squares) {
  const Tensor rows = as_tensor(a, first, count);
  return sum(square(rows), {1}, true) + b_squares - matmul(rows, transpose(b, 0, 1)) * 2.0;
}

// Calls fn(row of a, its squared distances to all rows of b), in parallel.
template <class F>
void for_each_row(const Features& a, const Features& b, const F& fn) {
  const NoGrad no_grad;
  const Tensor all = as_tensor(b, 0, b.count), squares = unsqueeze(sum(square(all), {1}), 0);
  for (int64_t first = 0; first < a.count; first += kBlock) {
    const int64_t count = std::min(kBlock, a.count - first);
    const auto block = squared_distances(a, first, count, all, squares).to_vector<float>();
    parallel_for(count, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) fn(first + i, &block[i * b.count]);
    });
  }
}

// Squared distance of each row to its k-th nearest other row.
std::vector<float> radii_of(const Features& f, int k) {
  std::vector<float> radii(f.count);
  for_each_row(f, f, [&](int64_t row, const float* distances) {
    std::vector<float> nearest(k, INFINITY);  // ascending
    for (int64_t j = 0; j < f.count; ++j) {
      if (j == row || distances[j] >= nearest.back()) continue;
      nearest.back() = distances[j];
      for (int i = k - 1; i > 0 && nearest[i] < nearest[i - 1]; --i)
        std::swap(nearest[i], nearest[i - 1]);
    }
    radii[row] = nearest.back();
  });
  return radii;
}

// The part of `points` that lie in a ball around some centre.
double covered(const Features& points, const Features& centres, const std::vector<float>& radii) {
  std::vector<uint8_t> inside(points.count, 0);
  for_each_row(points, centres, [&](int64_t row, const float* distances) {
    for (int64_t j = 0; j < centres.count && !inside[row]; ++j)
      inside[row] = distances[j] <= radii[j];
  });
  return static_cast<double>(std::count(inside.begin(), inside.end(), 1)) /
         static_cast<double>(points.count);
}

}  // namespace

Moments moments_of(const Features& f) {
  check(f.count >= 2 && f.dim > 0, "{} samples of {} features: at least two samples are wanted",
        f.count, f.dim);
  const int64_t n = f.dim;
  Moments m{std::vector<double>(n, 0), std::vector<double>(n * n, 0)};
  for (int64_t i = 0; i < f.count; ++i)
    for (int64_t j = 0; j < n; ++j) {
      if (!std::isfinite(f.row(i)[j])) fail("feature {} of sample {} is not finite", j, i);
      m.mean[j] += f.row(i)[j];
    }
  for (double& x : m.mean) x /= static_cast<double>(f.count);
  std::vector<double> centred(n);
  for (int64_t i = 0; i < f.count; ++i) {
    for (int64_t j = 0; j < n; ++j) centred[j] = f.row(i)[j] - m.mean[j];
    for (int64_t j = 0; j < n; ++j)
      for (int64_t k = 0; k < n; ++k) m.covariance[j * n + k] += centred[j] * centred[k];
  }
  for (double& x : m.covariance) x /= static_cast<double>(f.count - 1);
  return m;
}

// tr (C1 C2)^(1/2) = tr (R C2 R)^(1/2) with R = C1^(1/2), whose argument is symmetric.
double frechet_distance(const Moments& a, const Moments& b) {
  check_alike(a.dim(), b.dim());
  const int64_t n = a.dim();
  const std::vector<double> root = square_root(a.covariance, n);
  std::vector<double> inner = product(product(root, b.covariance, n), root, n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < i; ++j)
      inner[i * n + j] = inner[j * n + i] = (inner[i * n + j] + inner[j * n + i]) / 2;
  double distance = 0;
  for (int64_t i = 0; i < n; ++i) {
    distance += (a.mean[i] - b.mean[i]) * (a.mean[i] - b.mean[i]);
    distance += a.covariance[i * n + i] + b.covariance[i * n + i];
  }
  for (double value : symmetric_eigen(inner, n).values)
    distance -= 2 * std::sqrt(std::max(0.0, value));
  return std::max(0.0, distance);
}
double frechet_distance(const Features& a, const Features& b) {
  return frechet_distance(moments_of(a), moments_of(b));
}

PrecisionRecall precision_recall(const Features& real, const Features& generated, int k) {
  check_alike(real.dim, generated.dim);
  check(k > 0 && real.count > k && generated.count > k,
        "precision and recall by {} neighbours: {} real and {} generated samples are too few", k,
        real.count, generated.count);
  return {covered(generated, real, radii_of(real, k)),
          covered(real, generated, radii_of(generated, k))};
}

}  // namespace cairn::metrics
