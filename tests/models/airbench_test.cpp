#include "cairn/models/airbench.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/models/image_classifiers.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

// Neighbours that are alike, as in photographs.
Tensor smooth_pictures(int64_t count) { return avg_pool2d(randn({count, 3, 34, 34}), 3, 1) * 2.0; }

TEST(Airbench, FirstConvolutionMakesPatchesUncorrelatedWithVarianceOne) {
  manual_seed(1);
  Airbench network(10, 3);
  const Tensor pictures = smooth_pictures(50);
  network.whiten(pictures);
  const Tensor maps = conv2d(pictures, network.patches);  // [50, 24, 31, 31]
  ASSERT_EQ(maps.size(1), 24);
  const Tensor rows = reshape(contiguous(transpose(slice(maps, 1, 0, 12), 0, 1)), {12, -1});
  const std::vector<float> moments =
      (matmul(rows, transpose(rows, 0, 1)) * (1.0 / static_cast<double>(rows.size(1))))
          .to_vector<float>();
  for (int i = 0; i < 12; ++i)
    for (int j = 0; j < 12; ++j)
      EXPECT_NEAR(moments[static_cast<size_t>(12 * i + j)], i == j ? 1 : 0, 0.02) << i << " " << j;
  const std::vector<float> sums =
      (slice(maps, 1, 0, 12) + slice(maps, 1, 12, 12)).to_vector<float>();
  for (const float s : sums) ASSERT_EQ(s, 0);  // the other half are the negatives
}

TEST(Airbench, WhatIsFixedIsNotLearnedAndTravelsWithTheWeights) {
  const Airbench network(4, 1, 8);
  for (const auto& [name, p] : network.named_parameters()) EXPECT_NE(name, "patches");
  bool found = false;
  for (const auto& [name, b] : network.named_buffers()) found |= name == "patches";
  EXPECT_TRUE(found);
}

TEST(Airbench, StagesBeginByPassingChannelsOn) {
  AirbenchStage stage(8, 32);
  const Tensor x = rand({2, 8, 6, 6});
  const std::vector<float> passed = slice(stage.c1(x), 1, 0, 8).to_vector<float>();
  EXPECT_EQ(passed, x.to_vector<float>());
  EXPECT_EQ(stage(x).shape(), (Shape{2, 32, 3, 3}));
}

TEST(Airbench, OthersAskForNoPictures) {
  int asked = 0;
  const auto pictures = [&] {
    ++asked;
    return smooth_pictures(2);
  };
  look_at_pictures(make_image_classifier("resnet9", {3, 32, 32}, 4), pictures);
  EXPECT_EQ(asked, 0);
  look_at_pictures(make_image_classifier("airbench", {3, 32, 32}, 4), pictures);
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace cairn::models
