// Intervals that hold the true value in 95 of 100 cases.
#pragma once
#include <cstdint>
#include <vector>

namespace cairn::metrics {

struct Interval {
  double low, high;
};
// Of a share that was seen in so many examples (Wilson 1927): right for few, and near 0 and 1.
Interval share_interval(double share, int64_t examples);
// Of a mean, by Student's distribution, from two values or more.
Interval mean_interval(const std::vector<double>& values);

}  // namespace cairn::metrics
