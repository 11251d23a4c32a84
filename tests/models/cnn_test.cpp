// Networks of convolutions learn from the weights that they begin with.
#include "cairn/models/cnn.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cairn/compile/compile.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/optim.h"

namespace cairn::models {
namespace {

// Eighteen layers without normalisation: signals that fade leave nothing to learn from.
TEST(SqueezeNet, LearnsFromScratch) {
  manual_seed(1);
  const SqueezeNet net(3);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < 12; ++i) labels.push_back(i % 3);
  const Tensor y = tensor(labels, {12});
  const Tensor x = randn({12, 3, 48, 48}) + reshape(cast(y, DType::f32) - 1, {12, 1, 1, 1}) * 1.5;
  optim::AdamW adam(net.parameters(), {.lr = 1e-3});
  auto step = compile([&](const Tensor& pictures, const Tensor& wanted) {
    const Tensor loss = cross_entropy(net(pictures), wanted);
    adam.step(loss);
    return loss;
  });
  const double first = step(x, y).item();
  double least = first;  // a step may leap, and by another rounding another does
  for (int i = 0; i < 30; ++i) least = std::min(least, step(x, y).item());
  EXPECT_NEAR(first, std::log(3.0), 0.3);
  EXPECT_LT(least, 0.5 * first);
}

}  // namespace
}  // namespace cairn::models
