// How good forecasts of several series are. Libraries call different numbers by one name; what each
// of these is, is said beside it (definitions()).
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

namespace cairn::metrics {

// Of the quantile forecasts: 0.1, 0.2, ... 0.9.
inline constexpr double kLevels[] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
inline constexpr size_t kLevelCount = 9;

class ForecastErrors {
 public:
  struct Scale {
    double mean = 0, deviation = 1;  // what standardised the series
    double mase = 0;  // mean |y_t - y_(t - season)| of the training rows, in units; 0: none
  };
  ForecastErrors(std::vector<Scale> series, size_t horizon);

  // One value of `series`, `step` rows after the forecast was made; all standardised. quantiles:
  // one for each of kLevels, or empty. A truth that is NaN is missing and counts nowhere.
  void add(size_t series, size_t step, double truth, double point,
           std::span<const float> quantiles);

  // {mse, mae, mase, smape, wql, coverage80}, each name after `prefix`; null where there is nothing
  // to divide by. mase_left_out: series without a scale, when there are any.
  nlohmann::ordered_json result(const std::string& prefix = "") const;
  std::vector<double> mse_by_step() const;  // [horizon]
  int64_t values() const { return values_; }

 private:
  struct OfSeries {
    double absolute = 0;
    int64_t values = 0;
  };
  std::vector<Scale> scales_;
  std::vector<OfSeries> series_;
  std::vector<double> squared_by_step_;
  std::vector<int64_t> values_by_step_;
  double squared_ = 0, absolute_ = 0, smape_ = 0, pinball_ = 0, size_ = 0;
  int64_t values_ = 0, with_quantiles_ = 0, inside_ = 0;
};

// What each number is: formula, rows, range; `season` rows apart is what MASE is scaled by.
nlohmann::ordered_json definitions(int64_t season);

}  // namespace cairn::metrics
