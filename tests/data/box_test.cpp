#include "cairn/data/box.h"

#include <gtest/gtest.h>

#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

TEST(Box, OverlapInDoubleWithoutAddedPixels) {
  const Box a{0, 0, 10, 10};
  EXPECT_EQ(box_iou(a, a), 1);
  EXPECT_EQ(box_iou(a, {0, 0, 10, 6}), 0.6);
  EXPECT_EQ(box_iou(a, {10, 0, 20, 10}), 0) << "an edge in common is no area";
  EXPECT_EQ(box_iou(a, {5, 5, 15, 15}), 25.0 / 175);
  const Box point{3, 3, 3, 3};
  EXPECT_EQ(box_iou(point, point), 0);
  EXPECT_EQ(intersection(a, {-5, -5, 5, 5}), 25);
  EXPECT_EQ(clipped({-5, 2, 50, 8}, 20, 20), (Box{0, 2, 20, 8}));
  EXPECT_EQ(clipped({30, 30, 40, 40}, 20, 20).area(), 0);
}

// Boxes of width 10 and, below the better one, heights that give an IoU of exactly 0.5, 0.6 and
// 0.7.
TEST(Nms, AtEqualityABoxStays) {
  for (const double threshold : {0.5, 0.6, 0.7}) {
    const double height = 10 * threshold;
    const std::vector<Detection> two = {{{0, 0, 10, height}, 0, 0.8}, {{0, 0, 10, 10}, 0, 0.9}};
    ASSERT_EQ(box_iou(two[0].box, two[1].box), threshold);
    EXPECT_EQ(non_maximum_suppression(two, threshold).size(), 2u) << threshold;
    EXPECT_EQ(non_maximum_suppression(two, threshold - 1e-9).size(), 1u) << threshold;
  }
}

TEST(Nms, BetterOnesOfTheSameLabelSuppress) {
  const std::vector<Detection> all = {{{0, 0, 10, 10}, 0, 0.5},
                                      {{1, 0, 11, 10}, 0, 0.9},
                                      {{1, 0, 11, 10}, 1, 0.7},
                                      {{40, 0, 50, 10}, 0, 0.9},
                                      {{2, 0, 12, 10}, 0, 0.6}};
  const auto kept = non_maximum_suppression(all, 0.5);
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept[0].box.x1, 1);
  EXPECT_EQ(kept[1].box.x1, 40) << "equal scores keep their order";
  EXPECT_EQ(kept[2].label, 1);
  EXPECT_EQ(non_maximum_suppression(all, 0.5, 1).size(), 1u);
  EXPECT_TRUE(non_maximum_suppression({}, 0.5).empty());
  EXPECT_ERROR(non_maximum_suppression(all, 1.5), "threshold 1.5");
  // What was suppressed suppresses nothing: a chain of neighbours keeps every other one.
  const std::vector<Detection> chain = {
      {{0, 0, 10, 10}, 0, 0.9}, {{4, 0, 14, 10}, 0, 0.8}, {{8, 0, 18, 10}, 0, 0.7}};
  EXPECT_EQ(non_maximum_suppression(chain, 0.3).size(), 2u);
}

}  // namespace
}  // namespace cairn::data
