#include "cairn/metrics/intervals.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/base/error.h"

namespace cairn::metrics {
namespace {

// Values of statsmodels 0.15's proportion_confint(count, nobs, method="wilson").
TEST(Intervals, OfShares) {
  EXPECT_NEAR(share_interval(0.8, 10).low, 0.490162, 1e-6);
  EXPECT_NEAR(share_interval(0.8, 10).high, 0.943318, 1e-6);
  EXPECT_NEAR(share_interval(0, 100).low, 0, 1e-12);
  EXPECT_NEAR(share_interval(0, 100).high, 0.036994, 1e-6);
  EXPECT_NEAR(share_interval(1, 100).low, 0.963006, 1e-6);
  EXPECT_THROW(share_interval(0.5, 0), Error);
  EXPECT_THROW(share_interval(1.5, 3), Error);
}

// 2 +- 4.303 / sqrt(3): a deviation of 1, two degrees of freedom.
TEST(Intervals, OfMeans) {
  EXPECT_NEAR(mean_interval({1, 2, 3}).low, 2 - 4.303 / std::sqrt(3.0), 1e-9);
  EXPECT_NEAR(mean_interval({1, 2, 3}).high, 2 + 4.303 / std::sqrt(3.0), 1e-9);
  EXPECT_EQ(mean_interval({5, 5}).low, 5);
  const std::vector<double> many(31, 1.0);  // 30 degrees of freedom: 2.042
  EXPECT_EQ(mean_interval(many).high, 1);
  EXPECT_THROW(mean_interval({1}), Error);
}

}  // namespace
}  // namespace cairn::metrics
