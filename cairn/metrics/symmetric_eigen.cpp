#include "cairn/metrics/symmetric_eigen.h"

#include <cmath>

#include "cairn/base/error.h"

namespace cairn::metrics {
namespace {

constexpr int kMostSweeps = 60;

// Turns two rows: (a, b) -> (c a - s b, s a + c b).
void turn_rows(double* a, double* b, int64_t n, double c, double s) {
  for (int64_t i = 0; i < n; ++i) {
    const double x = a[i], y = b[i];
    a[i] = c * x - s * y, b[i] = s * x + c * y;
  }
}

}  // namespace

SymmetricEigen symmetric_eigen(std::vector<double> a, int64_t n) {
  check(n > 0 && static_cast<int64_t>(a.size()) == n * n,
        "symmetric_eigen: {} numbers for a matrix of {} rows", a.size(), n);
  std::vector<double> vectors(a.size(), 0);
  for (int64_t i = 0; i < n; ++i) vectors[i * n + i] = 1;
  double total = 0;
  for (double x : a) total += x * x;
  const double negligible = total * 1e-30;

  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double off = 0;
    for (int64_t p = 0; p < n; ++p)
      for (int64_t q = p + 1; q < n; ++q) off += a[p * n + q] * a[p * n + q];
    if (!(off > negligible)) break;
    for (int64_t p = 0; p < n; ++p)
      for (int64_t q = p + 1; q < n; ++q) {
        const double apq = a[p * n + q], app = a[p * n + p], aqq = a[q * n + q];
        if (apq * apq <= negligible / static_cast<double>(n * n)) continue;
        const double theta = (aqq - app) / (2 * apq);
        const double t = std::copysign(1 / (std::abs(theta) + std::sqrt(theta * theta + 1)), theta);
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        // Rows in one piece; the columns are the same by symmetry, but for the 2 x 2 block.
        turn_rows(&a[p * n], &a[q * n], n, c, s);
        a[p * n + p] = app - t * apq, a[q * n + q] = aqq + t * apq;
        a[p * n + q] = a[q * n + p] = 0;
        for (int64_t i = 0; i < n; ++i)
          if (i != p && i != q) a[i * n + p] = a[p * n + i], a[i * n + q] = a[q * n + i];
        turn_rows(&vectors[p * n], &vectors[q * n], n, c, s);
      }
  }
  SymmetricEigen result;
  for (int64_t i = 0; i < n; ++i) result.values.push_back(a[i * n + i]);
  result.vectors = std::move(vectors);
  return result;
}

}  // namespace cairn::metrics
