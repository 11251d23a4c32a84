#include "cairn/data/linear_map.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"

namespace cairn::data {
namespace {

// Square, row-major.
struct Matrix {
  explicit Matrix(int64_t size) : size(size), values(static_cast<size_t>(size * size), 0) {}
  double* row(int64_t r) { return values.data() + r * size; }
  const double* row(int64_t r) const { return values.data() + r * size; }
  int64_t size;
  std::vector<double> values;
};

// Sums of z_i z_j over all windows of `size` rows that begin in [first, first + windows), of all
// targets, each window minus its row `last`. A window one row later shares all but one row, so a
// diagonal goes on from its first sum: size^2 + size * windows operations instead of their product.
Matrix moments(const EncodedSeries& s, int64_t first, int64_t windows, int64_t size, int64_t last) {
  Matrix sums(size);
  for (int64_t target = 0; target < s.targets; ++target) {
    std::vector<double> z;
    for (int64_t r = first; r < first + windows + size - 1; ++r)
      z.push_back(s.inputs[static_cast<size_t>(r * s.features + target)]);
    for (int64_t j = 0; j < size; ++j) {
      double sum = 0;
      for (int64_t w = 0; w < windows; ++w) sum += z[w] * z[w + j];
      for (int64_t i = 0;; ++i) {
        sums.row(i)[i + j] += sum;
        if (i + j + 1 >= size) break;
        sum += z[i + windows] * z[i + j + windows] - z[i] * z[i + j];
      }
    }
  }
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < i; ++j) sums.row(i)[j] = sums.row(j)[i];
  const std::vector<double> of_last(sums.row(last), sums.row(last) + size);
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < size; ++j) sums.row(i)[j] += of_last[last] - of_last[i] - of_last[j];
  return sums;
}

// Solves (x^T x + penalty) weight^T = x^T y by Cholesky, of the `reach` rows that end at `context`.
// [reach, horizon].
std::vector<double> solve(const Matrix& m, int64_t context, int64_t horizon, int64_t reach,
                          double penalty) {
  const int64_t from = context - reach;
  Matrix l(reach);
  std::vector<double> y(static_cast<size_t>(reach * horizon));
  for (int64_t i = 0; i < reach; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      double sum = m.row(from + i)[from + j] + (i == j ? penalty : 0);
      const double *a = l.row(i), *b = l.row(j);
      for (int64_t k = 0; k < j; ++k) sum -= a[k] * b[k];
      l.row(i)[j] = i == j ? std::sqrt(std::max(sum, 1e-300)) : sum / l.row(j)[j];
    }
    double* out = y.data() + i * horizon;
    for (int64_t h = 0; h < horizon; ++h) out[h] = m.row(from + i)[context + h];
    for (int64_t k = 0; k < i; ++k)
      for (int64_t h = 0; h < horizon; ++h) out[h] -= l.row(i)[k] * y[k * horizon + h];
    for (int64_t h = 0; h < horizon; ++h) out[h] /= l.row(i)[i];
  }
  for (int64_t i = reach - 1; i >= 0; --i) {
    double* out = y.data() + i * horizon;
    for (int64_t h = 0; h < horizon; ++h) out[h] /= l.row(i)[i];
    for (int64_t k = 0; k < i; ++k)
      for (int64_t h = 0; h < horizon; ++h) y[k * horizon + h] -= l.row(i)[k] * out[h];
  }
  return y;
}

// Sum of squared errors over the windows of `m`: tr(yy) - 2 tr(w xy) + tr(w xx w).
double squared_error(const Matrix& m, int64_t context, int64_t horizon, int64_t reach,
                     const std::vector<double>& w) {
  const int64_t from = context - reach;
  double error = 0;
  std::vector<double> product(static_cast<size_t>(horizon));
  for (int64_t h = 0; h < horizon; ++h) error += m.row(context + h)[context + h];
  for (int64_t i = 0; i < reach; ++i) {
    const double* row = m.row(from + i);
    for (int64_t h = 0; h < horizon; ++h) product[h] = -2 * row[context + h];
    for (int64_t j = 0; j < reach; ++j)
      for (int64_t h = 0; h < horizon; ++h) product[h] += row[from + j] * w[j * horizon + h];
    for (int64_t h = 0; h < horizon; ++h) error += product[h] * w[i * horizon + h];
  }
  return error;
}

constexpr double kRidges[] = {1e-4, 1e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
                              1.0,  2.0,  5.0,  10,   20,   50,  100, 1000};

struct Windows {
  int64_t first, count;
};
// Windows of context and horizon whose horizon lies in [first, first + rows).
Windows windows_for(int64_t first, int64_t rows, int64_t context, int64_t horizon) {
  const int64_t origin = std::max(first, context);
  return {origin - context, std::max<int64_t>(0, first + rows - horizon - origin + 1)};
}

// Whether the map beats the last value on validation by more than one standard error of the
// difference. Neighbouring windows are nearly the same: what counts as one is `horizon` of them.
bool is_better(const EncodedSeries& s, const Windows& windows, const LinearMap& map) {
  std::vector<double> gains;
  for (int64_t begin = 0; begin < windows.count; begin += map.horizon) {
    const int64_t count = std::min(map.horizon, windows.count - begin);
    if (count * 2 < map.horizon && !gains.empty()) break;
    const int64_t from = windows.first + begin + map.context - map.reach;
    const Matrix m = moments(s, from, count, map.reach + map.horizon, map.reach - 1);
    std::vector<double> w(static_cast<size_t>(map.reach * map.horizon));
    for (int64_t h = 0; h < map.horizon; ++h)
      for (int64_t i = 0; i < map.reach; ++i)
        w[i * map.horizon + h] = map.weight[h * map.context + map.context - map.reach + i];
    double last_value = 0;
    for (int64_t h = 0; h < map.horizon; ++h) last_value += m.row(map.reach + h)[map.reach + h];
    const double values = static_cast<double>(count * s.targets * map.horizon);
    gains.push_back((last_value - squared_error(m, map.reach, map.horizon, map.reach, w)) / values);
  }
  const double n = static_cast<double>(gains.size());
  double mean = 0, variance = 0;
  for (const double g : gains) mean += g / n;
  for (const double g : gains) variance += (g - mean) * (g - mean) / std::max(1.0, n - 1);
  return mean > std::sqrt(variance / n);
}

}  // namespace

LinearMap fit_linear_map(const EncodedSeries& s, const SplitRows& split, int64_t context,
                         int64_t horizon) {
  const Windows train = windows_for(0, split.train, context, horizon);
  const Windows held_back = windows_for(split.train, split.validation, context, horizon);
  check(train.count > 0 && held_back.count > 0,
        "linear map: no window of {} + {} rows in {} of training, or none in {} of validation",
        context, horizon, split.train, split.validation);
  const Matrix learned = moments(s, train.first, train.count, context + horizon, context - 1);
  const Matrix seen = moments(s, held_back.first, held_back.count, context + horizon, context - 1);
  const double windows = static_cast<double>(train.count * s.targets);
  const double values = static_cast<double>(held_back.count * s.targets * horizon);
  LinearMap best{context, horizon, std::vector<float>(static_cast<size_t>(context * horizon), 0)};
  for (int64_t h = 0; h < horizon; ++h)
    best.last_value_mse += seen.row(context + h)[context + h] / values;
  best.validation_mse = best.last_value_mse;
  for (int64_t reach = context; reach >= std::max<int64_t>(context / 8, 1); reach /= 2)
    for (const double ridge : kRidges) {
      const auto w = solve(learned, context, horizon, reach, ridge * windows);
      const double mse = squared_error(seen, context, horizon, reach, w) / values;
      if (!(mse < best.validation_mse)) continue;
      best.reach = reach, best.ridge = ridge, best.validation_mse = mse;
      std::fill(best.weight.begin(), best.weight.end(), 0.0f);
      for (int64_t h = 0; h < horizon; ++h)
        for (int64_t i = 0; i < reach; ++i)
          best.weight[static_cast<size_t>(h * context + context - reach + i)] =
              static_cast<float>(w[static_cast<size_t>(i * horizon + h)]);
    }
  if (best.reach > 0 && !is_better(s, held_back, best)) {
    std::fill(best.weight.begin(), best.weight.end(), 0.0f);
    best.reach = 0, best.ridge = 0, best.validation_mse = best.last_value_mse;
  }
  return best;
}

}  // namespace cairn::data
