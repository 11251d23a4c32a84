#include "cairn/metrics/detection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cairn/base/error.h"
#include "cairn/io/file.h"
#include "tests/io/temporary_folder.h"

namespace cairn::metrics {
namespace {

using Json = nlohmann::json;
using data::Box, data::Detection, data::GroundTruth;

Box box_of(const Json& xywh) {
  const double x = xywh[0], y = xywh[1];
  return {x, y, x + xywh[2].get<double>(), y + xywh[3].get<double>()};
}

DetectionMetrics metrics_of(const Json& one) {
  DetectionMetrics metrics(one["labels"].get<size_t>());
  for (const Json& picture : one["pictures"]) {
    std::vector<GroundTruth> truth;
    for (const Json& t : picture["truth"]) {
      truth.push_back(
          {.box = box_of(t["xywh"]), .label = t["label"], .crowd = t.contains("crowd")});
      if (t.contains("area")) truth.back().area = t["area"].get<double>();
    }
    std::vector<Detection> found;
    for (const Json& d : picture["found"])
      found.push_back({box_of(d["xywh"]), d["label"], d["score"]});
    metrics.add(std::move(truth), std::move(found));
  }
  return metrics;
}

// tools/dump_detection.py wrote what pycocotools says.
TEST(Detection, AveragePrecisionIsPycocotools) {
  const Json cases =
      Json::parse(io::read_text_file(CAIRN_SOURCE_DIR "/tests/metrics/data/detection.json"));
  EXPECT_GE(cases.size(), 12u);
  for (const auto& [name, one] : cases.items()) {
    SCOPED_TRACE(name);
    const DetectionMetrics metrics = metrics_of(one);
    const Json& wanted = one["expected"];
    const auto same = [&](const char* what, double value) {
      EXPECT_NEAR(value, wanted[what].get<double>(), 1e-12) << what;
    };
    const AveragePrecision all = metrics.average_precision();
    same("map", all.map), same("map50", all.map50), same("map75", all.map75);
    same("recall", all.recall);
    for (size_t k = 0; k < all.per_label.size(); ++k) {
      EXPECT_NEAR(all.per_label[k], wanted["per_label"][k].get<double>(), 1e-12) << k;
      EXPECT_NEAR(all.per_label_50[k], wanted["per_label_50"][k].get<double>(), 1e-12) << k;
    }
    constexpr double kSmall = 32 * 32, kLarge = 96 * 96;
    same("small", metrics.average_precision({.most_area = kSmall}).map);
    same("medium", metrics.average_precision({.least_area = kSmall, .most_area = kLarge}).map);
    same("large", metrics.average_precision({.least_area = kLarge}).map);
  }
}

TEST(Detection, ThresholdsAreNumPysDoubles) {
  const auto thresholds = coco_thresholds();
  ASSERT_EQ(thresholds.size(), 10u);
  for (size_t i = 0; i < 10; ++i) EXPECT_NEAR(thresholds[i], 0.5 + 0.05 * double(i), 1e-15);
  EXPECT_EQ(thresholds[0], 0.5);
  EXPECT_EQ(thresholds[9], 0.95);
}

// Finding a difficult object, once or three times, or not at all, changes nothing.
TEST(Detection, DifficultNeitherHelpsNorHarms) {
  const Box easy{0, 0, 10, 10}, hard{50, 50, 70, 70};
  const auto measured = [&](int times) {
    DetectionMetrics metrics(1);
    std::vector<Detection> found = {{easy, 0, 0.5}};
    for (int i = 0; i < times; ++i) found.push_back({hard, 0, 0.9});
    metrics.add({{.box = easy}, {.box = hard, .difficult = true}}, found);
    metrics.add({{.box = easy}}, {});
    return metrics.average_precision();
  };
  const double without = measured(0).map;
  EXPECT_NEAR(without, 51.0 / 101, 1e-12);
  EXPECT_EQ(measured(1).map, without);
  EXPECT_EQ(measured(3).map, without);
  DetectionMetrics only(1);
  only.add({{.box = hard, .difficult = true}}, {{hard, 0, 0.9}});
  EXPECT_EQ(only.average_precision().map, -1) << "nothing that counts";
}

TEST(Detection, CurveOfPrecisionAndRecall) {
  DetectionMetrics metrics(2);
  metrics.add({{.box = {0, 0, 10, 10}}, {.box = {20, 0, 30, 10}}},
              {{{0, 0, 10, 10}, 0, 0.9}, {{60, 0, 70, 10}, 0, 0.8}, {{20, 0, 30, 10}, 0, 0.7}});
  const PrecisionRecall curve = metrics.precision_recall(0, 0.5);
  EXPECT_EQ(curve.objects, 2);
  EXPECT_EQ(curve.recall, (std::vector<double>{0.5, 0.5, 1}));
  EXPECT_NEAR(curve.precision[1], 0.5, 1e-12);
  EXPECT_NEAR(curve.precision[2], 2.0 / 3, 1e-12);
  EXPECT_NEAR(curve.average, (51 + 50 * 2.0 / 3) / 101, 1e-12);
  EXPECT_EQ(metrics.precision_recall(1, 0.5).average, -1);
}

TEST(Detection, SaysWhatIsNoBox) {
  DetectionMetrics metrics(2);
  EXPECT_ERROR(metrics.add({{.box = {0, 0, 1, 1}, .label = 2}}, {}), "object of label 2");
  EXPECT_ERROR(metrics.add({}, {{{0, 0, 1, NAN}, 0, 1}}), "detection's box");
  EXPECT_ERROR(metrics.add({}, {{{0, 0, 1, 1}, 0, NAN}}), "score");
  EXPECT_EQ(metrics.pictures(), 0u);
}

}  // namespace
}  // namespace cairn::metrics
