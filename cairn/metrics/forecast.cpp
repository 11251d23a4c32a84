#include "cairn/metrics/forecast.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cairn/base/error.h"

namespace cairn::metrics {

ForecastErrors::ForecastErrors(std::vector<Scale> series, size_t horizon)
    : scales_(std::move(series)),
      series_(scales_.size()),
      squared_by_step_(horizon, 0),
      values_by_step_(horizon, 0) {}

void ForecastErrors::add(size_t series, size_t step, double truth, double point,
                         std::span<const float> quantiles) {
  if (std::isnan(truth)) return;
  check(quantiles.empty() || quantiles.size() == kLevelCount, "forecast: {} quantiles; want {}",
        quantiles.size(), kLevelCount);
  const Scale& scale = scales_.at(series);
  const double error = truth - point, error_in_units = std::abs(error) * scale.deviation;
  const double y = truth * scale.deviation + scale.mean, f = point * scale.deviation + scale.mean;
  ++values_, ++values_by_step_.at(step), ++series_[series].values;
  squared_ += error * error, squared_by_step_[step] += error * error;
  absolute_ += std::abs(error), series_[series].absolute += error_in_units;
  const double both = std::abs(y) + std::abs(f);
  if (both > 0) smape_ += 2 * error_in_units / both;
  if (quantiles.empty()) return;
  ++with_quantiles_, size_ += std::abs(y);
  for (size_t k = 0; k < kLevelCount; ++k) {
    const double over = (truth - static_cast<double>(quantiles[k])) * scale.deviation;
    pinball_ += std::max(kLevels[k] * over, (kLevels[k] - 1) * over);
  }
  inside_ += truth >= static_cast<double>(quantiles.front()) &&
             truth <= static_cast<double>(quantiles.back());
}

nlohmann::ordered_json ForecastErrors::result(const std::string& prefix) const {
  using Json = nlohmann::ordered_json;
  const auto part = [](double sum, double of) -> Json {
    return of > 0 ? Json(sum / of) : Json(nullptr);
  };
  double mase = 0, scaled = 0, without = 0;
  for (size_t i = 0; i < series_.size(); ++i) {
    if (series_[i].values == 0) continue;
    if (!(scales_[i].mase > 0)) {
      ++without;
      continue;
    }
    mase += series_[i].absolute / static_cast<double>(series_[i].values) / scales_[i].mase;
    ++scaled;
  }
  const auto n = static_cast<double>(values_), q = static_cast<double>(with_quantiles_);
  Json all = {{prefix + "mse", part(squared_, n)},
              {prefix + "mae", part(absolute_, n)},
              {prefix + "mase", part(mase, scaled)},
              {prefix + "smape", part(smape_, n)},
              {prefix + "wql", part(2 * pinball_ / kLevelCount, size_)},
              {prefix + "coverage80", part(static_cast<double>(inside_), q)}};
  if (without > 0) all[prefix + "mase_left_out"] = static_cast<int64_t>(without);
  return all;
}

std::vector<double> ForecastErrors::mse_by_step() const {
  std::vector<double> all;
  for (size_t i = 0; i < squared_by_step_.size(); ++i)
    all.push_back(squared_by_step_[i] / static_cast<double>(values_by_step_[i]));
  return all;
}

nlohmann::ordered_json definitions(int64_t season) {
  return {
      {"mse",
       "mean squared error over all windows, steps and series, standardised by mean and deviation "
       "(by n) of the training rows; 0 and up"},
      {"mae", "mean absolute error, standardised the same way; 0 and up"},
      {"mase",
       fmt::format("for each series, mean absolute error divided by the mean |y_t - y_(t - {})| of "
                   "the training rows (Hyndman and Koehler 2006); the mean over series; 0 and up, "
                   "1: as good as repeating the season's last value, one step ahead",
                   season)},
      {"smape",
       "mean of 2 |y - f| / (|y| + |f|) in the units of the file, 0 where both are 0; 0 to 2"},
      {"wql",
       "2 times the sum of pinball losses divided by the sum of |y|, in the units of the file, "
       "mean "
       "over the levels 0.1 to 0.9 (GluonTS's mean_wQuantileLoss); 0 and up"},
      {"coverage80", "part of true values from the 0.1 to the 0.9 quantile; 0 to 1, 0.8 is right"}};
}

}  // namespace cairn::metrics
