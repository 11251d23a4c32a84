#include "cairn/metrics/detection_errors.h"

#include <gtest/gtest.h>

#include <vector>

namespace cairn::metrics {
namespace {

using data::Detection, data::GroundTruth;

TEST(DetectionErrors, EachKind) {
  const std::vector<GroundTruth> truth = {{.box = {0, 0, 10, 10}, .label = 0},
                                          {.box = {20, 0, 30, 10}, .label = 1},
                                          {.box = {40, 0, 50, 10}, .label = 0},
                                          {.box = {60, 0, 70, 10}, .label = 0},
                                          {.box = {80, 0, 90, 10}, .label = 0, .difficult = true}};
  const std::vector<Detection> found = {
      {{0, 0, 10, 9}, 0, 0.9},     // right
      {{0, 0, 10, 10}, 0, 0.8},    // a duplicate, though it fits better
      {{20, 0, 30, 10}, 0, 0.7},   // wrong label
      {{46, 0, 56, 10}, 0, 0.6},   // misplaced: IoU 4 / 16
      {{26, 0, 36, 10}, 0, 0.5},   // both
      {{0, 50, 10, 60}, 1, 0.4},   // background
      {{80, 0, 90, 10}, 0, 0.3}};  // difficult: left out
  DetectionErrors e = detection_errors(truth, found);
  EXPECT_EQ(e.right, 1);
  EXPECT_EQ(e.duplicate, 1);
  EXPECT_EQ(e.wrong_label, 1);
  EXPECT_EQ(e.misplaced, 1);
  EXPECT_EQ(e.both, 1);
  EXPECT_EQ(e.background, 1);
  EXPECT_EQ(e.missed, 1) << "the one at 60; those at 20 and 40 were nearly found";
  e += e;
  EXPECT_EQ(e.right, 2);
  EXPECT_EQ(detection_errors({}, {}).missed, 0);
}

}  // namespace
}  // namespace cairn::metrics
