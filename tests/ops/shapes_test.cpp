// Shapes without elements, and sizes that make no sense.
#include <gtest/gtest.h>

#include <cmath>

#include "cairn/base/error.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

TEST(EmptyShapes, HaveTheShapesThatTheyWouldHave) {
  EXPECT_EQ(unfold(zeros({0, 1, 5, 5}), {.kernel = {2, 2}}).shape(), (Shape{0, 4, 16}));
  const Tensor product = matmul(zeros({5, 2, 0}), zeros({0, 3}));
  EXPECT_EQ(product.shape(), (Shape{5, 2, 3}));
  for (float v : product.to_vector<float>()) EXPECT_EQ(v, 0);
  EXPECT_EQ(linear(zeros({2, 0}), zeros({3, 0}), ones({3})).to_vector<float>(),
            std::vector<float>(6, 1));
  EXPECT_EQ(softmax(zeros({2, 0}), 1).shape(), (Shape{2, 0}));
  EXPECT_EQ(log_softmax(zeros({2, 0}), 1).shape(), (Shape{2, 0}));
  for (float v : logsumexp(zeros({2, 0}), {1}).to_vector<float>()) EXPECT_EQ(v, -INFINITY);
  EXPECT_EQ(group_norm(zeros({0, 4, 3}), 2).shape(), (Shape{0, 4, 3}));
}

TEST(Sizes, ThatMakeNoSenseAreRefused) {
  EXPECT_THROW(reshape(zeros({0, 5}), {0, -1}), Error);
  EXPECT_THROW(repeat(zeros({2}), {-1}), Error);
  EXPECT_THROW(full({-1}, 0), Error);
  EXPECT_THROW(zeros({2, -3}), Error);
  EXPECT_THROW(group_norm(zeros({1, 0, 2}), 1), Error);
  EXPECT_THROW(softshrink(zeros({2}), -1), Error);
  EXPECT_THROW(hardtanh(zeros({2}), 1, -1), Error);
  EXPECT_THROW(triplet_margin_loss(zeros({2, 3}), zeros({2, 3}), zeros({2, 3}), -1), Error);
}

TEST(Pad, NegativeNumbersCropInEveryMode) {
  const Tensor x = tensor({1, 2, 3, 4});
  const auto padded = [&](Ints pads, PadMode mode) {
    return pad(x, pads, mode, 9).to_vector<float>();
  };
  using V = std::vector<float>;
  EXPECT_EQ(padded({-1, 1}, PadMode::reflect), (V{2, 3, 4, 3}));
  EXPECT_EQ(padded({1, -1}, PadMode::reflect), (V{2, 1, 2, 3}));
  EXPECT_EQ(padded({-1, 1}, PadMode::replicate), (V{2, 3, 4, 4}));
  EXPECT_EQ(padded({-1, -1}, PadMode::replicate), (V{2, 3}));
  EXPECT_EQ(padded({-1, 1}, PadMode::constant), (V{2, 3, 4, 9}));
  EXPECT_EQ(padded({-1, 1}, PadMode::circular), (V{2, 3, 4, 2}));
  for (PadMode mode : {PadMode::reflect, PadMode::replicate, PadMode::circular, PadMode::constant})
    EXPECT_THROW(padded({-3, -2}, mode), Error);
}

}  // namespace
}  // namespace cairn
