// Calibration and scores of single classes against torchmetrics' (tools/dump_calibration.py).
#include "cairn/metrics/classification.h"

#include <gtest/gtest.h>

#include <fstream>

#include "cairn/base/json.h"
#include "cairn/metrics/calibration.h"

namespace cairn::metrics {
namespace {

Json dumped() {
  std::ifstream file(CAIRN_SOURCE_DIR "/tests/metrics/data/classification.json");
  return Json::parse(file);
}

TEST(Calibration, ExpectedErrorIsTorchmetrics) {
  for (const Json& c : dumped())
    for (const int bins : {10, 15}) {
      Calibration calibration(bins);
      for (size_t i = 0; i < c["labels"].size(); ++i)
        calibration.add(c["confidences"][i], c["labels"][i] == c["guesses"][i]);
      EXPECT_NEAR(calibration.error(), c["ece" + std::to_string(bins)].get<double>(), 1e-6);
    }
}

TEST(Calibration, BinsHoldTheirLowerEndAndTheLastOneItsUpper) {
  Calibration calibration(4);
  calibration.add(0.25, true), calibration.add(1, true), calibration.add(0.75, false);
  const auto bins = calibration.bins();
  EXPECT_EQ(bins[0].count, 0);
  EXPECT_EQ(bins[1].count, 1);
  EXPECT_EQ(bins[3].count, 2);
  EXPECT_DOUBLE_EQ(bins[3].confidence, 0.875);
  EXPECT_DOUBLE_EQ(bins[3].accuracy, 0.5);
  EXPECT_DOUBLE_EQ(calibration.error(), (0.75 + 2 * 0.375) / 3);
  EXPECT_EQ(Calibration().error(), 0);
}

TEST(Confusion, ScoresOfEachClassAreTorchmetrics) {
  for (const Json& c : dumped()) {
    const size_t classes = c["f1"].size();
    Confusion confusion(classes);
    for (size_t i = 0; i < c["labels"].size(); ++i) confusion.add(c["labels"][i], c["guesses"][i]);
    for (size_t k = 0; k < classes; ++k) {
      const ClassScores scores = confusion.scores_of(k);
      EXPECT_NEAR(scores.precision, c["precision"][k].get<double>(), 1e-6);
      EXPECT_NEAR(scores.recall, c["recall"][k].get<double>(), 1e-6);
      EXPECT_NEAR(scores.f1, c["f1"][k].get<double>(), 1e-6);
    }
    EXPECT_EQ(confusion.scores_of(classes - 1).examples, 0);
  }
}

}  // namespace
}  // namespace cairn::metrics
