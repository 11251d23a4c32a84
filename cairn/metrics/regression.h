// How far predicted numbers are from the true ones.
#pragma once
#include <span>

namespace cairn::metrics {

struct RegressionErrors {
  double mae = 0;   // mean absolute error
  double rmse = 0;  // root of the mean squared error
  double r2 = 0;    // part of the variance that is explained: 1 all, 0 as the mean does
};
// Throws Error when the lengths differ or are 0. A truth that never changes has r2 0.
RegressionErrors regression_errors(std::span<const double> truth, std::span<const double> guess);

}  // namespace cairn::metrics
