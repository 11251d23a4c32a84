// Exponential smoothing with an additive season and no trend (Holt and Winters; ETS(A,N,A) of
// Hyndman et al. 2008): each new value moves a level and the season's part of its phase.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace cairn::data {

struct SmoothingRates {
  double level = 0.5, season = 0;  // alpha and gamma: 0 to 1
};

class Smoothed {
 public:
  // Follows all of `values` (none is NaN), from the mean of the first season and its deviations;
  // with a season of 1 there is none. Throws Error when there is less than one season.
  Smoothed(std::span<const float> values, int64_t season, const SmoothingRates& rates);
  // What comes `step` rows (0: the next) after the first `seen` values, at least a season of them,
  // by these alone.
  double forecast(int64_t seen, int64_t step) const;
  // Mean squared error of one step, from the second season on.
  double error() const { return error_; }

  // The rates with the least error(), of a grid.
  static SmoothingRates fit(std::span<const float> values, int64_t season);

 private:
  int64_t season_;
  std::vector<double> level_, part_;  // after each value; part_ of its phase
  double error_ = 0;
};

}  // namespace cairn::data
