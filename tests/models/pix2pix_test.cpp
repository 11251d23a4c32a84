#include "cairn/models/pix2pix.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/ops/functions.h"
#include "tests/io/temporary_folder.h"

namespace cairn::models {
namespace {

TEST(Pix2Pix, PicturesKeepTheirSize) {
  for (const int64_t side : {16, 20, 24, 64}) {
    const PictureUNet net(1, 3, side, 4);
    const Tensor y = net(randn({2, 1, side, side}));
    EXPECT_EQ(y.shape(), (Shape{2, 3, side, side}));
    for (const float v : y.to_vector<float>()) EXPECT_LE(std::abs(v), 1);
  }
  EXPECT_EQ(unet_depth(128), 7);
  EXPECT_EQ(unet_depth(96), 5);
  EXPECT_ERROR(PictureUNet(1, 1, 30, 4), "sides that halve twice");
}

// What a skip carries matters at once, and what goes through the middle too.
TEST(Pix2Pix, EveryLevelHasAGradient) {
  const PictureUNet net(3, 3, 32, 2);
  const Tensors gradients = grad({sum(square(net(randn({1, 3, 32, 32}))))}, net.parameters());
  for (const Tensor& g : gradients) {
    float largest = 0;
    for (const float v : g.to_vector<float>()) largest = std::max(largest, std::abs(v));
    EXPECT_TRUE(largest > 0 || g.rank() == 1) << to_string(g.shape());
  }
}

TEST(Pix2Pix, DropoutIsForTrainingAlone) {
  PictureUNet net(1, 1, 32, 4);
  const Tensor x = randn({1, 1, 32, 32});
  EXPECT_NE(net(x).to_vector<float>(), net(x).to_vector<float>());
  net.eval();
  EXPECT_EQ(net(x).to_vector<float>(), net(x).to_vector<float>());
}

// Strides of 2, then two convolutions that cut a pixel each.
TEST(Pix2Pix, PatchesHaveScoresOfTheirOwn) {
  EXPECT_EQ(PatchDiscriminator(2, 4, 2)(randn({2, 2, 128, 128})).shape(), (Shape{2, 1, 30, 30}));
  EXPECT_EQ(PatchDiscriminator(2, 4, 3)(randn({1, 2, 256, 256})).shape(), (Shape{1, 1, 30, 30}));
}

}  // namespace
}  // namespace cairn::models
