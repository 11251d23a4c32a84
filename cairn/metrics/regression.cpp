#include "cairn/metrics/regression.h"

#include <cmath>

#include "cairn/base/error.h"

namespace cairn::metrics {

RegressionErrors regression_errors(std::span<const double> truth, std::span<const double> guess) {
  check(truth.size() == guess.size() && !truth.empty(), "regression: {} true values, {} guesses",
        truth.size(), guess.size());
  const double n = static_cast<double>(truth.size());
  double mean = 0, absolute = 0, squared = 0, variance = 0;
  for (double t : truth) mean += t / n;
  for (size_t i = 0; i < truth.size(); ++i) {
    const double error = guess[i] - truth[i];
    absolute += std::abs(error) / n, squared += error * error / n;
    variance += (truth[i] - mean) * (truth[i] - mean) / n;
  }
  return {absolute, std::sqrt(squared), variance > 0 ? 1 - squared / variance : 0};
}

}  // namespace cairn::metrics
