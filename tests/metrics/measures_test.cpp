#include <gtest/gtest.h>

#include <cmath>

#include "cairn/metrics/classification.h"
#include "cairn/metrics/regression.h"
#include "tests/io/temporary_folder.h"

namespace cairn::metrics {
namespace {

TEST(Confusion, CountsAndAverages) {
  Confusion c(3);
  const std::vector<std::pair<int, int>> seen = {{0, 0}, {0, 0}, {0, 1}, {1, 1}};
  for (const auto& [truth, guess] : seen) c.add(truth, guess);
  EXPECT_EQ(c.examples(), 4);
  EXPECT_DOUBLE_EQ(c.accuracy(), 0.75);
  EXPECT_EQ(c.counts()[0][1], 1);
  EXPECT_DOUBLE_EQ(c.f1(), (0.8 + 2.0 / 3) / 2);  // the third class never comes
  EXPECT_EQ(Confusion(2).accuracy(), 0);
  EXPECT_EQ(Confusion(2).f1(), 0);
}

TEST(Regression, ErrorsAreWhatTheySay) {
  const double truth[] = {1, 2, 3, 4}, guess[] = {1, 2, 3, 8};
  const auto e = regression_errors(truth, guess);
  EXPECT_DOUBLE_EQ(e.mae, 1);
  EXPECT_DOUBLE_EQ(e.rmse, 2);
  EXPECT_DOUBLE_EQ(e.r2, 1 - 4 / 1.25);
  EXPECT_DOUBLE_EQ(regression_errors(truth, truth).r2, 1);
  const double same[] = {5, 5};
  EXPECT_EQ(regression_errors(same, same).r2, 0);
  EXPECT_ERROR(regression_errors(truth, same), "4 true values, 2 guesses");
  EXPECT_ERROR(regression_errors({}, {}), "0 true values");
}

}  // namespace
}  // namespace cairn::metrics
