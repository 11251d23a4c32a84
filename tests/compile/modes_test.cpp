// What an executable is for, and what its passes may change.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "cairn/base/parallel.h"
#include "cairn/compile/compile.h"
#include "cairn/compile/dump.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/optim.h"

namespace cairn {
namespace {

TEST(Modes, TrainAndEvalHaveExecutablesOfTheirOwn) {
  nn::Dropout drop(0.5);
  auto f = compile([&](Tensor x) -> Tensor { return drop(x); });
  const Tensor x = ones({64});
  f(x), drop.eval();
  EXPECT_EQ(f(x).to_vector<float>(), std::vector<float>(64, 1));
  EXPECT_EQ(f.function().executables(), 2u);
  drop.train();
  EXPECT_NE(f(x).to_vector<float>(), std::vector<float>(64, 1));
  EXPECT_EQ(f.function().executables(), 2u);
}

TEST(Modes, AFrozenParameterHasAnExecutableOfItsOwn) {
  nn::Linear layer(3, 2);
  optim::SGD opt(layer.parameters(), {.lr = 0.1});
  auto f = compile([&](Tensor x) {
    const Tensor loss = sum(square(layer(x)));
    opt.step(loss);
    return loss;
  });
  const Tensor x = ones({4, 3});
  f(x);
  Tensor weight = layer.parameters()[0];
  const auto before = weight.to_vector<float>();
  weight.set_requires_grad(false);
  f(x);
  EXPECT_EQ(f.function().executables(), 2u);
  EXPECT_EQ(weight.to_vector<float>(), before);
}

TEST(Modes, AutocastAndThreadsBelongToTheKey) {
  auto f = compile([](Tensor x) { return matmul(x, x); });
  const Tensor x = ones({8, 8});
  f(x);
  {
    const AutocastScope low(DType::bf16);
    EXPECT_EQ(f(x).dtype(), DType::bf16);
  }
  EXPECT_EQ(f.function().executables(), 2u);
  const int threads = num_threads();
  set_num_threads(threads == 1 ? 2 : 1);
  f(x);
  set_num_threads(threads);
  EXPECT_EQ(f.function().executables(), 3u);
  f(x);
  EXPECT_EQ(f.function().executables(), 3u);
}

TEST(Modes, RetraceFindsABranchOfTheHostThatChanged) {
  setenv("CAIRN_RETRACE", "1", 1);
  bool twice = false;
  auto f = compile([&](Tensor x) { return twice ? x * 2.0 : x + 1.0; });
  unsetenv("CAIRN_RETRACE");
  f(tensor({1}));
  f(tensor({2}));
  twice = true;
  EXPECT_THROW(f(tensor({3})), Error);
}

// ---- passes

struct SmallNet : nn::Module {
  nn::Conv2d c = child("c", nn::Conv2d(3, 16, 3, {.padding = 1}));
  nn::BatchNorm2d b = child("b", nn::BatchNorm2d(16));
  nn::Linear f = child("f", nn::Linear(16 * 4 * 4, 5));
  Tensor forward(Tensor x) override {
    return f(dropout(flatten(max_pool2d(relu(b(c(x))), 2), 1), 0.1));
  }
};

struct Trained {
  std::vector<float> losses, weights;
};
Trained train(bool compiled) {
  manual_seed(5);
  SmallNet net;
  optim::AdamW opt(net.parameters(), {.lr = 1e-2});
  const Tensor x = randn({4, 3, 8, 8}), y = randint(5, {4});
  auto body = [&]() -> Tensor {
    const Tensor loss = cross_entropy(net(x), y);
    opt.step(loss);
    return loss;
  };
  auto replayed = compile(body);
  Trained out;
  for (int i = 0; i < 3; ++i)
    out.losses.push_back(static_cast<float>((compiled ? replayed() : body()).item()));
  for (const Tensor& p : net.parameters())
    for (float v : p.to_vector<float>()) out.weights.push_back(v);
  return out;
}

// Passes left out while alive.
struct Without {
  explicit Without(std::vector<const char*> passes) : passes(std::move(passes)) {
    for (const char* pass : this->passes) set_pass(pass, false);
  }
  ~Without() {
    for (const char* pass : passes) set_pass(pass, true);
  }
  std::vector<const char*> passes;
};

TEST(Passes, EachCanBeLeftOut) {
  const Trained all = train(true);
  for (const char* pass : {"casts", "simplify", "turn", "layout", "fuse",
                           "schedule"}) {  // "expand" gives ops that have kernels
    const Without scope({pass});
    const Trained without = train(true);
    for (size_t i = 0; i < all.losses.size(); ++i)
      EXPECT_NEAR(without.losses[i], all.losses[i], 2e-4 * std::fabs(all.losses[i]) + 1e-5) << pass;
  }
}

// Layout and epilogue change which convolution runs, turn the order of a product, fusion and what
// eager code has kernels for in which form a formula is evaluated: the rest must not change a bit.
TEST(Passes, ExactOnesLeaveEveryBit) {
  const Without scope({"turn", "epilogue", "layout", "fuse", "expand_kernels"});
  const Trained compiled = train(true), eager = train(false);
  EXPECT_EQ(compiled.losses, eager.losses);
  EXPECT_EQ(compiled.weights, eager.weights);
}

// On the reference back end all passes are exact.
TEST(Passes, AllOfThemLeaveEveryBitOfTheReference) {
  const BackendScope scope(backend_named("reference"));
  const Trained compiled = train(true), eager = train(false);
  manual_seed(0);
  EXPECT_EQ(compiled.losses, eager.losses);
}

}  // namespace
}  // namespace cairn
