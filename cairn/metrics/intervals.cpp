#include "cairn/metrics/intervals.h"

#include <array>
#include <cmath>

#include "cairn/base/error.h"

namespace cairn::metrics {

Interval share_interval(double share, int64_t examples) {
  check(share >= 0 && share <= 1 && examples > 0, "a share of {} in {} examples", share, examples);
  constexpr double z = 1.959964;  // 97.5 % of a normal distribution lie below
  const auto n = static_cast<double>(examples);
  const double centre = share + z * z / (2 * n);
  const double half = z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  return {(centre - half) / scale, (centre + half) / scale};
}

Interval mean_interval(const std::vector<double>& values) {
  check(values.size() > 1, "an interval of {} value(s); two or more are needed", values.size());
  // 97.5 % of Student's distribution lie below, by degrees of freedom; beyond the table by the
  // first term of its expansion.
  constexpr std::array<double, 10> kStudent = {12.706, 4.303, 3.182, 2.776, 2.571,
                                               2.447,  2.365, 2.306, 2.262, 2.228};
  const size_t freedom = values.size() - 1;
  const double t = freedom <= kStudent.size() ? kStudent[freedom - 1]
                                              : 1.96 + 2.4 / static_cast<double>(freedom);
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  const double mean = sum / n;
  for (const double v : values) squares += (v - mean) * (v - mean);
  const double half = t * std::sqrt(squares / (n - 1) / n);
  return {mean - half, mean + half};
}

}  // namespace cairn::metrics
