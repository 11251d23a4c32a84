#include "cairn/ops/collective.h"

#include <gtest/gtest.h>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/random.h"
#include "tests/dist/echo.h"

namespace cairn::dist {
namespace {

Tensors step(nn::BatchNorm2d net, const Tensor& x, const Tensor& slopes) {
  const CollectiveScope scope;
  const Tensor y = net(x);
  return {y, grad({sum(y * slopes)}, {net.weight})[0]};
}

double furthest(const Tensor& a, const Tensor& b) {
  double most = 0;
  for (const float difference : abs(a - b).to_vector<float>())
    most = std::max<double>(most, difference);
  return most;
}

// The other rank has the same rows, so that mean and variance are those of one.
TEST(Collective, SynchronisedStatisticsOfEqualRanksAreThoseOfOne) {
  manual_seed(3);
  const Tensor x = randn({4, 3, 5, 5}) * 3.0 + 100.0, slopes = randn({4, 3, 5, 5});
  nn::BatchNorm2d alone(3), together(3);
  const Tensors expected = step(alone, x, slopes);
  for (const bool compiled : {false, true}) {
    const Echo echo;
    synchronise_statistics(true);
    auto run =
        CompiledFunction([&](std::span<const Tensor> in) { return step(together, in[0], in[1]); });
    const Tensor in[] = {x, slopes};
    const Tensors got = compiled ? run.call(in) : step(together, x, slopes);
    synchronise_statistics(false);
    EXPECT_LT(furthest(got[0], expected[0]), 1e-4);
    EXPECT_LT(furthest(got[1], expected[1]), 1e-3);
    if (compiled) continue;
    EXPECT_LT(furthest(together.running_mean, alone.running_mean), 1e-4);
    // The variance is unbiased over twice as many: 200 of 199 instead of 100 of 99.
    const Tensor moved = (together.running_var - 0.9) / (alone.running_var - 0.9);
    EXPECT_NEAR(moved.to_vector<float>()[0], 200.0 / 199 * 99 / 100, 1e-4);
  }
}

TEST(Collective, SumsThatAreUnderWayAreMeansAtTheEnd) {
  const Echo echo;
  const int64_t number = add_bucket({3, 2}, Packing::f32);
  auto run = CompiledFunction([&](std::span<const Tensor> in) -> Tensors {
    const CollectiveScope scope;
    const Tensors given = {in[0] * 2.0, in[1] + 1.0};
    const Tensor started = start_sums(number, given);
    const Tensor other = exp(in[0]);  // what is computed meanwhile
    Tensors all = finish_sums(number, started, full({1}, 4), given);
    all.push_back(other);
    return all;
  });
  const Tensor in[] = {full({3}, 5), full({2}, 7)};
  for (int i = 0; i < 3; ++i) {
    const Tensors all = run.call(in);
    EXPECT_EQ(all[0].to_vector<float>(), std::vector<float>(3, 5));
    EXPECT_EQ(all[1].to_vector<float>(), std::vector<float>(2, 4));
  }
}

}  // namespace
}  // namespace cairn::dist
