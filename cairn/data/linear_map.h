// The linear forecast in closed form: one map from the rows that are read to those to come, the
// same for all series, by ridge regression. What DLinear and NLinear (Zeng et al. 2023) learn by
// gradient is this regression (Toner and Darlow 2024, "An analysis of linear time series
// forecasting models").
#pragma once
#include <vector>

#include "cairn/data/series_encoding.h"

namespace cairn::data {

// What comes at step h: x_last + sum over i of weight[h, i] (x_i - x_last).
struct LinearMap {
  int64_t context = 0, horizon = 0;
  std::vector<float> weight;  // [horizon, context]; zero before the last `reach` rows
  int64_t reach = 0;          // rows that it reads; 0: the last value alone
  double ridge = 0;           // its penalty, as a part of the number of windows
  double validation_mse = 0;  // of the map, standardised
  double last_value_mse = 0;  // of repeating the last value
};

// Fitted on windows within the first `split.train` rows; penalty and reach (the context, or a half,
// a quarter, an eighth of it) are those with the least error on validation windows. Where that is
// not better than repeating the last value by one standard error (over blocks of `horizon`
// windows), the map is zero. Sums are over all windows, in f64. Throws Error when there is no
// window.
LinearMap fit_linear_map(const EncodedSeries& series, const SplitRows& split, int64_t context,
                         int64_t horizon);

}  // namespace cairn::data
