// Layers that take their weights made ready give what they give without.
#include "cairn/nn/ready_weights.h"

#include <gtest/gtest.h>

#include <thread>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/nn/init.h"
#include "cairn/nn/linear.h"
#include "cairn/ops/context.h"

namespace cairn::nn {
namespace {

Tensor drawn(const Shape& shape) { return init::normal(shape, 0, 1); }

void expect_near(const Tensor& got, const Tensor& want, double within) {
  ASSERT_EQ(got.shape(), want.shape());
  const auto g = got.to_vector<float>(), w = want.to_vector<float>();
  for (size_t i = 0; i < w.size(); ++i) ASSERT_NEAR(g[i], w[i], within) << i;
}

TEST(ReadyWeights, GiveWhatALinearLayerGives) {
  const NoGrad quiet;
  for (const auto& [in, out] : std::vector<std::pair<int64_t, int64_t>>{
           {128, 384}, {17, 5}, {1, 40}, {600, 33}, {31, 1}, {8, 8}})
    for (const bool bias : {false, true}) {
      const Linear layer(in, out, {.bias = bias});
      ReadyWeights weights;
      for (const Shape& rows : {Shape{1}, {7}, {8}, {13}, {320}, {4, 5}, {3, 1, 6}, {0}, {2, 0}}) {
        Shape shape = rows;
        shape.push_back(in);
        const Tensor x = drawn(shape), want = layer(x);
        for (int time = 0; time < 2; ++time) {
          const ReadyWeights::Scope scope(weights);
          expect_near(layer(x), want, 1e-4);
        }
      }
      const Tensor turned = transpose(drawn({in, 40}), 0, 1);  // rows that do not lie dense
      const Tensor want = layer(turned);
      const ReadyWeights::Scope scope(weights);
      expect_near(layer(turned), want, 1e-4);
    }
}

TEST(ReadyWeights, FollowWhatIsAssigned) {
  const NoGrad quiet;
  const Linear layer(20, 30);
  const Tensor x = drawn({16, 20});
  ReadyWeights weights;
  const ReadyWeights::Scope scope(weights);
  layer(x);
  assign(layer.weight, drawn({30, 20}));
  expect_near(layer(x), linear(x, layer.weight, layer.bias), 1e-4);
  CompiledFunction halve([&](std::span<const Tensor>) -> Tensors {
    assign(layer.weight, layer.weight * 0.5);
    return {};
  });
  halve.call({});
  expect_near(layer(x), linear(x, layer.weight, layer.bias), 1e-4);
}

TEST(ReadyWeights, StandAsideWhereSomethingIsLearnedOrTraced) {
  const Linear layer(20, 30);
  const Tensor x = drawn({16, 20});
  ReadyWeights weights;
  const ReadyWeights::Scope scope(weights);
  backward(sum(layer(x)));
  EXPECT_TRUE(layer.weight.grad().defined());
  const NoGrad quiet;
  CompiledFunction step([&](std::span<const Tensor> in) -> Tensors { return {layer(in[0])}; });
  expect_near(step.call({&x, 1})[0], linear(x, layer.weight, layer.bias), 1e-4);
}

TEST(ReadyWeights, AreThoseOfTheInnermostScopeOfAThread) {
  const NoGrad quiet;
  const Tensor weight = parameter(drawn({64, 64})), x = drawn({32, 64});
  const Tensor plain = linear(x, weight);
  ReadyWeights outer, inner;
  const ReadyWeights::Scope scope(outer);
  const Tensor ready = linear_when_ready(x, weight);
  expect_near(ready, plain, 1e-4);
  {
    const ReadyWeights::Scope nested(inner);
    EXPECT_EQ(linear_when_ready(x, weight).to_vector<float>(), ready.to_vector<float>());
  }
  std::thread([&] {
    const NoGrad off;
    EXPECT_EQ(linear_when_ready(x, weight).to_vector<float>(), plain.to_vector<float>());
  }).join();
}

TEST(ReadyWeights, AreNoneWhereTheBackEndHasNoFormOfItsOwn) {
  const BackendScope reference(backend_named("reference"));
  const NoGrad quiet;
  const Linear layer(12, 10);
  const Tensor x = drawn({9, 12}), want = layer(x);
  ReadyWeights weights;
  const ReadyWeights::Scope scope(weights);
  EXPECT_EQ(layer(x).to_vector<float>(), want.to_vector<float>());
}

}  // namespace
}  // namespace cairn::nn
