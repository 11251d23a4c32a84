#include <gtest/gtest.h>

#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

struct Net {
  Tensor w = parameter(tensor(std::vector<float>{0.5f, -1, 2, 0.25f}, {2, 2}));
  Tensor b = parameter(tensor({0.1f, -0.2f}));
  int runs = 0;
  Tensors layer(const Tensors& in) {
    ++runs;
    return {tanh(linear(in[0], w, b)) * in[0]};
  }
  Tensor loss(const Tensor& x, bool again) {
    auto fn = [this](const Tensors& in) { return layer(in); };
    const Tensor h = again ? recompute(fn, {x})[0] : fn({x})[0];
    const Tensor y = again ? recompute(fn, {h})[0] : fn({h})[0];
    return sum(square(y));
  }
};
Tensor input() { return tensor(std::vector<float>{1, 2, -0.5f, 0.75f, 0.3f, -1}, {3, 2}); }

}  // namespace

TEST(Recompute, GivesTheSameGradientsOfInputsAndCapturedParameters) {
  Net net;
  Tensor x = parameter(input());
  const Tensors plain = grad({net.loss(x, false)}, {x, net.w, net.b});
  const int before = net.runs;
  const Tensors again = grad({net.loss(x, true)}, {x, net.w, net.b});
  EXPECT_EQ(net.runs - before, 4);  // each layer twice
  for (size_t i = 0; i < plain.size(); ++i)
    EXPECT_EQ(again[i].to_vector<float>(), plain[i].to_vector<float>()) << i;
}

TEST(Recompute, SecondGradients) {
  Net net;
  Tensor x = parameter(input());
  auto second = [&](bool again) {
    const Tensor g = grad({net.loss(x, again)}, {x}, {.create_graph = true})[0];
    return grad({sum(square(g))}, {x, net.w});
  };
  const Tensors plain = second(false), again = second(true);
  for (size_t i = 0; i < plain.size(); ++i) {
    const auto a = again[i].to_vector<float>(), b = plain[i].to_vector<float>();
    for (size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1e-4 * (1 + std::abs(b[k])));
  }
}

TEST(Recompute, DrawsTheSameNumbersAndMovesTheGeneratorOnce) {
  Tensor x = parameter(full({64}, 1.0));
  auto fn = [](const Tensors& in) { return Tensors{dropout(in[0], 0.5)}; };
  manual_seed(7);
  const Tensor y = recompute(fn, {x})[0];
  const auto after = generator().to_vector<int64_t>();
  const Tensor g = grad({sum(y)}, {x})[0];
  EXPECT_EQ(g.to_vector<float>(), y.to_vector<float>());  // 2 where kept, 0 where dropped
  EXPECT_EQ(generator().to_vector<int64_t>(), after);
}

TEST(Recompute, AssignsOnce) {
  Tensor count = state(tensor({0}));
  Tensor x = parameter(tensor({3}));
  const Tensor y = recompute(
      [&](const Tensors& in) {
        {
          NoGrad no_grad;
          assign(count, count + 1.0);
        }
        return Tensors{square(in[0])};
      },
      {x})[0];
  backward(sum(y));
  EXPECT_EQ(count.item(), 1);
  EXPECT_EQ(x.grad().item(), 6);
}

TEST(Recompute, CompiledStepEqualsEager) {
  Net net;
  const Tensor x = input();
  auto step = [&](Tensor t) { return grad({net.loss(t, true)}, {net.w, net.b}); };
  const Tensors eager = step(x);
  auto compiled = compile([&](Tensor t) { return grad({net.loss(t, true)}, {net.w, net.b}); });
  const Tensors got = compiled(x);
  for (size_t i = 0; i < eager.size(); ++i) {
    const auto a = got[i].to_vector<float>(), b = eager[i].to_vector<float>();
    for (size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1e-5 * (1 + std::abs(b[k])));
  }
}

}  // namespace cairn
