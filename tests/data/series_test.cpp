#include "cairn/data/series.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cairn/data/linear_map.h"
#include "cairn/data/series_encoding.h"
#include "cairn/data/smoothing.h"
#include "cairn/io/gzip.h"
#include "cairn/ops/functions.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

Series parse(const std::string& text, const SeriesFormat& format = {}) {
  return parse_series(text, "s.csv", format);
}

TEST(Series, ReadsTablesOfManyKinds) {
  const Series s = parse(
      "date,a,b\n2016-07-01 00:00:00,1,2.5\n2016-07-01 01:00:00,NA,-3e2\n2016-07-01 "
      "02:00:00,+4,\n");
  EXPECT_EQ(s.names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(s.time_name, "date");
  EXPECT_EQ(s.rows(), 3);
  EXPECT_EQ(s.at(1, 1), -300);
  EXPECT_TRUE(std::isnan(s.at(1, 0)) && std::isnan(s.at(2, 1)));
  EXPECT_EQ(s.at(2, 0), 4);
  EXPECT_EQ(s.season(), 24);
  EXPECT_EQ(s.time_of(4), "2016-07-01 04:00:00");
  // Without names: blanks, commas.
  const Series blanks = parse("  0.5   1\n\n0.6\t 2 \n");
  EXPECT_EQ(blanks.names, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(blanks.values, (std::vector<double>{0.5, 1, 0.6, 2}));
  EXPECT_EQ(parse("1,2\n3,4\n").rows(), 2);
  EXPECT_EQ(parse("a;b\n1,5;2\n").at(0, 0), 1.5);  // a decimal comma beside ';'
  EXPECT_EQ(parse("2020-01-01,5\n2020-01-02,6\n").names, (std::vector<std::string>{"2"}));
  TemporaryFolder folder;
  io::write_file_atomically(folder / "s.csv.gz", io::Bytes(io::gzip(io::bytes_of("x\n1\n2\n"))));
  EXPECT_EQ(open_series(folder / "s.csv.gz").rows(), 2);
}

TEST(Series, TimesThatLackAreMissingRows) {
  std::string text = "t,x\n";
  for (int h = 0; h < 24; ++h)
    if (h != 5 && h != 6) text += fmt::format("2020-03-01T{:02}:00Z,{}\n", h, h);
  const Series s = parse(text);
  EXPECT_EQ(s.filled, 2);
  EXPECT_EQ(s.rows(), 24);
  EXPECT_TRUE(std::isnan(s.at(5, 0)) && std::isnan(s.at(6, 0)));
  EXPECT_EQ(s.at(7, 0), 7);
  EXPECT_EQ(s.time_of(6), "2020-03-01 06:00:00");
  // Too many lack, or distances that no step divides: rows stay as they are.
  EXPECT_EQ(parse("t,x\n2020-01-01,1\n2020-01-02,1\n2020-01-09,1\n").filled, 0);
  EXPECT_EQ(parse("t,x\n2020-01-01,1\n2020-01-02,1\n2020-01-03,2\n2020-01-03T07:00,1\n").step, 0);
  const Series months = parse("t,x\n2020-01-31,1\n2020-02-29,1\n2020-03-31,1\n");
  EXPECT_EQ(months.months, 0);  // not one day of the month
  const Series first = parse("t,x\n2020-01-01,1\n2020-02-01,1\n2020-03-01,1\n");
  EXPECT_EQ(first.months, 1);
  EXPECT_EQ(first.season(), 12);
  EXPECT_EQ(first.time_of(12), "2021-01-01 00:00:00");
}

TEST(Series, ClocksOfZonesAreReadAndRefused) {
  const SeriesFormat berlin{.time_zone = "Europe/Berlin"};
  const Series s = parse("t,x\n2016-10-30 01:30,1\n2016-10-30 03:30,2\n", berlin);
  EXPECT_EQ(s.step, 3 * kHour);  // 02:30 comes twice between them
  EXPECT_ERROR(parse("t,x\n2016-10-30 01:30,1\n2016-10-30 02:30,2\n", berlin),
               "line 3: '2016-10-30 02:30' is an hour that Europe/Berlin has twice");
  EXPECT_ERROR(parse("t,x\n2016-03-27 02:30,1\n", berlin),
               "line 2: '2016-03-27 02:30' is an hour "
               "that Europe/Berlin leaves out");
  const Series offsets = parse("t,x\n2016-10-30T02:30+02:00,1\n2016-10-30T02:30+01:00,2\n", berlin);
  EXPECT_EQ(offsets.step, kHour);
  EXPECT_EQ(offsets.time_of(2), "2016-10-30 03:30:00+01:00");
  // Days of a clock: one of them has 25 hours.
  const Series days =
      parse("t,x\n2016-10-29,1\n2016-10-30,1\n2016-10-31,1\n2016-11-01,1\n", berlin);
  EXPECT_TRUE(days.by_clock);
  EXPECT_EQ(days.time_of(4), "2016-11-02 00:00:00");
  EXPECT_ERROR(parse("t,x\n2020-01-01,1\n", {.time_zone = "Mars/Phobos"}),
               "time_zone: 'Mars/Phobos' is no time zone");
}

TEST(Series, FormatsAreStatedNotGuessed) {
  const std::string text = "day,x\n07/01/2016,1\n08/01/2016,2\n09/01/2016,3\n";
  EXPECT_ERROR(parse(text),
               "line 2, column 'day': '07/01/2016' is no number (if these are times, "
               "say how they are written with the option time-format)");
  EXPECT_EQ(parse(text, {.time_format = "%m/%d/%Y"}).time_of(0), "2016-07-01 00:00:00");
  EXPECT_EQ(parse(text, {.time_format = "%d/%m/%Y"}).time_of(0), "2016-01-07 00:00:00");
  EXPECT_ERROR(parse(text, {.time_format = "%Y"}), "'07/01/2016' is no time of the format '%Y'");
  // Months without a day, as monthly figures often come.
  for (const auto& [text, format] : {std::pair{"t,x\n1949-11,1\n1949-12,2\n1950-01,3\n", ""},
                                     {"t,x\nNov 1949,1\nDec 1949,2\nJan 1950,3\n", "%b %Y"}}) {
    const Series months = parse(text, {.time_format = format});
    EXPECT_EQ(months.months, 1) << text;
    EXPECT_EQ(months.season(), 12) << text;
    EXPECT_EQ(months.time_of(3), "1950-02-01 00:00:00") << text;
  }
  EXPECT_ERROR(parse("t,x\n1949-11,1\n1949-13,2\n"), "'1949-13' is no time as ISO 8601");
  EXPECT_ERROR(parse("t,x\n1949-11,1\n1949-11,2\n"), "is that of line 2");
  EXPECT_EQ(parse("x,when\n1,2020-01-01\n", {.time = "when"}).names[0], "x");
  EXPECT_ERROR(parse("x,when\n1,2020-01-01\n", {.time = "wen"}), "time: ");
  EXPECT_ERROR(parse("t,x\n2020-02-30,1\n2020-03-01,1\n"), "'2020-02-30' is no time as ISO 8601");
}

TEST(Series, SaysWhatIsWrong) {
  EXPECT_ERROR(parse(""), "'s.csv' is empty");
  EXPECT_ERROR(parse("\n \n"), "has no number at all");
  EXPECT_ERROR(parse("a,b\n"), "has names and no rows");
  EXPECT_ERROR(parse("a,b\n1,2\n3\n"), "'s.csv', line 3: 1 cells, but there are 2 columns");
  EXPECT_ERROR(parse("a b\n1 2\n3 4 5\n"), "line 3: 3 cells");
  EXPECT_ERROR(parse("a,b\n1,2\n3,lots\n"), "line 3, column 'b': 'lots' is no number");
  EXPECT_ERROR(parse("a,b\n1,2\n3,1e999\n"), "line 3, column 'b': '1e999' is no number");
  EXPECT_ERROR(parse("a,b\n1,inf\n"), "'inf' is no number");
  EXPECT_ERROR(parse("a,b\n1,\n2,NA\n"), "column 'b' has no number at all");
  EXPECT_ERROR(parse("a,a\n1,2\n"), "two columns are called 'a'");
  EXPECT_ERROR(parse("t,x\n2020-01-01,1\n2020-01-01,2\n"),
               "line 3: time '2020-01-01' is that of line 2");
  EXPECT_ERROR(parse("t,x\n2020-01-02,1\n2020-01-01,2\n"),
               "line 3: time '2020-01-01' is before that of line 2; sort");
  EXPECT_ERROR(open_series("/nowhere.csv"), "no such file");
  EXPECT_ERROR(open_series("/tmp"), "is a folder");
  // Text does not matter in columns that are not wanted.
  const Series s = parse("a,b\n1,x\n2,y\n", {.wanted = {"a"}});
  EXPECT_EQ(s.names, (std::vector<std::string>{"a"}));
  EXPECT_EQ(s.left_out, (std::vector<std::string>{"b"}));
  EXPECT_EQ(s.values, (std::vector<double>{1, 2}));
}

TEST(Series, WavesAreDrawn) {
  const Series a = open_series("waves"), b = open_series("waves", {}, 1);
  EXPECT_EQ(a.values, open_series("waves").values);
  EXPECT_NE(a.values, b.values);
  EXPECT_EQ(a.season(), 24);
  EXPECT_EQ(parse(to_csv(a)).times, a.times);
}

TEST(SeriesEncoding, ScalesComeFromTrainingRowsAlone) {
  const Series s = parse("a,b,c\n1,7,0\n3,7,0\n5,7,0\n100,8,9\n");
  const auto e = SeriesEncoding::of(s, {"a"}, 3, 1, true);
  ASSERT_EQ(e.target_count(), 1);
  EXPECT_EQ(e.targets()[0].mean, 3);
  EXPECT_NEAR(e.targets()[0].deviation, std::sqrt(8.0 / 3), 1e-12);
  EXPECT_EQ(e.targets()[0].mase_scale, 2);
  EXPECT_EQ(e.left_out(), (std::vector<std::string>{"b", "c"}));
  EXPECT_ERROR(SeriesEncoding::of(s, {"b"}, 3, 1, true),
               "'b' never changes in the 3 training rows");
  EXPECT_ERROR(SeriesEncoding::of(s, {"d"}, 3, 1, true), "no column of numbers 'd'");
  EXPECT_ERROR(SeriesEncoding::of(parse("a,b\n,1\n,2\n3,4\n"), {}, 2, 1, true),
               "column 'a' has no number in the 2 training rows");
  const auto again = SeriesEncoding::from_json(e.to_json(), "config.json");
  EXPECT_EQ(again.encode(s).inputs, e.encode(s).inputs);
  EXPECT_ERROR(SeriesEncoding::from_json({{"targets", 3}}, "c.json"), "'c.json': the encoding");
}

// f64 sums: numpy's float32 mean of such a column is 0.9 % off.
TEST(SeriesEncoding, SumsOfManyRowsAreExact) {
  Series s;
  s.source = "s", s.names = {"x"};
  for (int i = 0; i < 1000000; ++i) s.values.push_back(1e4 + (i % 2 ? 0.1 : -0.1));
  const auto e = SeriesEncoding::of(s, {}, s.rows(), 1, false);
  EXPECT_NEAR(e.targets()[0].mean, 1e4, 1e-6);
  EXPECT_NEAR(e.targets()[0].deviation, 0.1, 1e-6);
}

TEST(SeriesEncoding, WhatIsMissingIsFilledFromBeforeAndMasked) {
  const Series s = parse("x,y\n,1\n2,3\n,\n4,5\n");
  const auto e = SeriesEncoding::of(s, {}, 4, 1, false);
  const EncodedSeries z = e.encode(s);
  EXPECT_EQ(z.inputs[0], 0);  // nothing before: the mean
  EXPECT_EQ(z.inputs[4], z.inputs[2]);
  EXPECT_EQ(z.inputs[5], z.inputs[3]);
  const Tensors y = horizons(z, {1}, 3);
  EXPECT_EQ(y[1].to_vector<float>(), (std::vector<float>{1, 1, 0, 0, 1, 1}));
  const Tensor x = contexts(z, {2, 3}, 2);
  EXPECT_EQ(x.shape(), (Shape{2, 2, 2}));
}

TEST(SeriesEncoding, WhatIsFilledIsCounted) {
  const auto said = [](const Series& s, const std::vector<std::string>& targets) {
    return SeriesEncoding::of(s, targets, s.rows(), 1, false).in_words_filled(s);
  };
  EXPECT_EQ(said(parse("x,y\n1,2\n2,3\n"), {}), "");
  EXPECT_EQ(said(parse("x,y,z\n1,1,5\n2,,5\n\nnan,,\n4,5,5\n"), {}),  // z never changes
            "'s.csv': 3 cells are missing ('x' 1, 'y' 2; the first in line 3, column 'y'); each is "
            "filled with the value before it, or its column's mean where there is none, and what "
            "is missing is neither learned nor measured");
  EXPECT_EQ(said(parse("x,y\n1,\n2,NA\n3,\n", {.wanted = {"x"}}), {"x"}), "") << "y is left out";
  std::string text = "t,x\n";
  for (int h = 0; h < 24; ++h)
    if (h != 5)
      text += fmt::format("2020-03-01T{:02}:00Z,{}\n", h, h == 7 ? "" : std::to_string(h));
  const std::string rows = said(parse(text), {});
  EXPECT_NE(rows.find("1 cells are missing ('x' 1; the first in line 8, column 'x'), 1 rows are "
                      "missing; each"),
            rows.npos)
      << rows;
}

TEST(SeriesEncoding, AContextWithoutAValueIsRefused) {
  const Series s = parse("x,y\n1,1\n2,2\n3,\n4,\n5,5\n");
  const auto e = SeriesEncoding::of(s, {"x"}, 5, 1, false);
  e.check_context(s, 5, 2), e.check_context(s, 4, 3);
  EXPECT_ERROR(e.check_context(s, 4, 2), "'s.csv': column 'y' has no value in the 2 rows");
}

TEST(SeriesEncoding, WindowsStayInTheirRows) {
  EXPECT_EQ(origins_in(0, 10, 3, 2), (std::vector<int64_t>{3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(origins_in(10, 5, 3, 2), (std::vector<int64_t>{10, 11, 12, 13}));
  EXPECT_EQ(origins_in(11520, 2880, 512, 96).size(), 2785u);  // as published for ETTh1
  EXPECT_EQ(origins_in(10, 5, 3, 2, 2), (std::vector<int64_t>{10, 12}));
  EXPECT_TRUE(origins_in(0, 4, 3, 2).empty());
  const auto s = split_rows("8640,2880,2880", 17420, "x.csv");
  EXPECT_EQ(s.test, 2880);
  const auto usual = split_rows("", 7588, "x.csv");
  EXPECT_EQ(usual.train + usual.validation + usual.test, 7588);
  EXPECT_EQ(usual.train, 5311);
  EXPECT_ERROR(split_rows("10,5,5", 19, "x.csv"), "20 rows together, but 'x.csv' has 19");
  EXPECT_ERROR(split_rows("10,5", 19, "x.csv"), "2 numbers; give three");
  EXPECT_ERROR(split_rows("10,x,5", 19, "x.csv"), "'10,x,5' is not like");
}

// Ridge regression over all windows, checked by its normal equations on explicit windows.
TEST(LinearMap, SolvesItsNormalEquations) {
  const Series s = open_series("waves");
  const auto e = SeriesEncoding::of(s, {}, 400, 24, false);
  const EncodedSeries z = e.encode(s);
  const int64_t context = 24, horizon = 3, train = 400;
  const LinearMap map = fit_linear_map(z, {train, 400, 400}, context, horizon);
  ASSERT_GT(map.reach, 0);
  const auto at = [&](int64_t row, int64_t i) {
    return double(z.inputs[static_cast<size_t>(row * z.features + i)]);
  };
  const int64_t windows = train - context - horizon + 1;
  for (int64_t h = 0; h < horizon; ++h)
    for (int64_t k = context - map.reach; k < context; ++k) {
      double slope = map.ridge * double(windows * z.targets) *
                     double(map.weight[static_cast<size_t>(h * context + k)]);
      double size = 1;
      for (int64_t t = context; t < context + windows; ++t)
        for (int64_t i = 0; i < z.targets; ++i) {
          const double last = at(t - 1, i);
          double guess = 0;
          for (int64_t j = 0; j < context; ++j)
            guess += double(map.weight[static_cast<size_t>(h * context + j)]) *
                     (at(t - context + j, i) - last);
          const double by = at(t - context + k, i) - last;
          slope -= (at(t + h, i) - last - guess) * by, size += by * by;
        }
      EXPECT_NEAR(slope / size, 0, 1e-4);
    }
  EXPECT_LT(map.validation_mse, map.last_value_mse);
}

// What is white noise has no better forecast; what is a random walk keeps its last value.
TEST(LinearMap, ARandomWalkKeepsItsLastValue) {
  EncodedSeries walk{1200, 1, 1, {}, {}};
  float at = 0;
  for (int i = 0; i < 1200; ++i) {
    const int64_t k = i;  // or its square would overflow
    at += static_cast<float>((k * 7919 + k * k * 104729 % 1000) % 1000) / 500 - 0.999f;
    walk.inputs.push_back(at), walk.truth.push_back(at);
  }
  const LinearMap map = fit_linear_map(walk, {700, 300, 200}, 32, 40);
  if (map.reach == 0) { EXPECT_EQ(map.validation_mse, map.last_value_mse); }
  for (const float w : map.weight) EXPECT_TRUE(std::isfinite(w));
}

// ETSModel(y, error="add", seasonal="add", seasonal_periods=4).smooth([0.3, 0.2]) of statsmodels
// 0.15; written by tools/dump_forecast_metrics.py.
#include "tests/data/data/smoothing.inc"

TEST(Smoothing, ForecastsAsStatsmodels) {
  const Smoothed s(kSmoothedValues, 4, {0.3, 0.2});
  for (size_t h = 0; h < std::size(kSmoothedForecast); ++h)
    EXPECT_NEAR(s.forecast(std::size(kSmoothedValues), static_cast<int64_t>(h)),
                kSmoothedForecast[h], 1e-5);
  const Smoothed simple(kSmoothedValues, 1, {0.3, 0});
  EXPECT_NEAR(simple.forecast(std::size(kSmoothedValues), 5), kSimpleForecast, 1e-5);
  EXPECT_ERROR(s.forecast(3, 0), "after 3 of");
  EXPECT_ERROR(Smoothed(std::span<const float>(kSmoothedValues, 3), 4, {}), "a season of 4");
}

// What a baseline says depends on nothing that comes later.
TEST(Smoothing, KnowsThePastAlone) {
  std::vector<float> values(std::begin(kSmoothedValues), std::end(kSmoothedValues));
  const double before = Smoothed(values, 4, {0.3, 0.2}).forecast(12, 2);
  for (size_t i = 12; i < values.size(); ++i) values[i] = 1000;
  EXPECT_EQ(Smoothed(values, 4, {0.3, 0.2}).forecast(12, 2), before);
}

}  // namespace
}  // namespace cairn::data
