#include "cairn/metrics/forecast.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/io/temporary_folder.h"
#include "tests/metrics/data/forecast.inc"

namespace cairn::metrics {
namespace {

constexpr size_t kSeries = 2, kHorizon = 6, kSeason = 4, kRows = std::size(kTrain) / kSeries;

ForecastErrors::Scale scale_of(size_t series) {
  ForecastErrors::Scale s;
  const double* y = kTrain + series * kRows;
  for (size_t t = 0; t < kRows; ++t) s.mean += y[t] / kRows;
  double squares = 0;
  for (size_t t = 0; t < kRows; ++t) squares += (y[t] - s.mean) * (y[t] - s.mean) / kRows;
  s.deviation = std::sqrt(squares);
  for (size_t t = kSeason; t < kRows; ++t)
    s.mase += std::abs(y[t] - y[t - kSeason]) / (kRows - kSeason);
  return s;
}

// Against utilsforecast and scikit-learn (tools/dump_forecast_metrics.py).
TEST(ForecastErrors, AreThoseOfPythonsLibraries) {
  std::vector<ForecastErrors::Scale> scales = {scale_of(0), scale_of(1)};
  ForecastErrors errors(scales, kHorizon);
  for (size_t i = 0; i < kSeries; ++i)
    for (size_t h = 0; h < kHorizon; ++h) {
      const auto z = [&](double v) { return (v - scales[i].mean) / scales[i].deviation; };
      std::vector<float> quantiles;
      for (size_t k = 0; k < kLevelCount; ++k)
        quantiles.push_back(
            static_cast<float>(z(kQuantiles[(i * kHorizon + h) * kLevelCount + k])));
      errors.add(i, h, z(kTruth[i * kHorizon + h]), z(kGuess[i * kHorizon + h]), quantiles);
    }
  const auto r = errors.result("x_");
  const char* names[] = {"x_mse", "x_mae", "x_mase", "x_smape", "x_wql", "x_coverage80"};
  for (size_t i = 0; i < std::size(kExpected); ++i)
    EXPECT_NEAR(r[names[i]].get<double>(), kExpected[i], 1e-6 * std::max(1.0, kExpected[i]))
        << names[i];
  EXPECT_EQ(errors.values(), 12);
  EXPECT_EQ(errors.mse_by_step().size(), kHorizon);
  for (const auto& [name, value] : r.items())
    EXPECT_TRUE(definitions(kSeason).contains(name.substr(2))) << name << " is not defined";
}

TEST(ForecastErrors, WhatHasNoScaleIsLeftOutAndCounted) {
  ForecastErrors errors({{0, 1, 2}, {0, 1, 0}}, 1);
  errors.add(0, 0, 1, 0, {});
  errors.add(1, 0, 1, 0, {});
  errors.add(0, 0, NAN, 5, {});  // missing: counts nowhere
  const auto r = errors.result();
  EXPECT_EQ(r["mase"], 0.5);
  EXPECT_EQ(r["mase_left_out"], 1);
  EXPECT_EQ(r["smape"], 2);
  EXPECT_EQ(r["mse"], 1);
  EXPECT_TRUE(r["wql"].is_null() && r["coverage80"].is_null());  // no quantiles were given
  EXPECT_TRUE(ForecastErrors({{0, 1, 0}}, 1).result()["mse"].is_null());
  const std::vector<float> few(3, 0);
  EXPECT_ERROR(errors.add(0, 0, 1, 0, few), "3 quantiles; want 9");
}

TEST(ForecastErrors, SmapeOfTwoZerosIsZero) {
  ForecastErrors errors({{0, 1, 1}}, 1);
  errors.add(0, 0, 0, 0, {});
  EXPECT_EQ(errors.result()["smape"], 0);
}

}  // namespace
}  // namespace cairn::metrics
