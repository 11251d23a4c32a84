#include "cairn/compile/compile.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/compile/dump.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

std::vector<float> values(const Tensor& t) { return t.to_vector<float>(); }

TEST(Compile, ReplaysWithNewArguments) {
  auto f = compile([](Tensor a, Tensor b) { return a * b + exp(a); });
  for (float x : {1.0f, 2.0f, 3.0f})
    EXPECT_FLOAT_EQ(values(f(tensor({x, 2}), tensor({5, 7})))[0], x * 5 + std::exp(x));
  EXPECT_EQ(f.function().executables(), 1u);
}

TEST(Compile, StatesAreReadAndWrittenAtReplay) {
  Tensor w = state(tensor({1, 2}));
  auto f = compile([&](Tensor x) {
    assign(w, w + x);
    return w * 1.0;
  });
  EXPECT_FLOAT_EQ(values(f(tensor({10, 10})))[1], 12);
  EXPECT_FLOAT_EQ(values(f(tensor({10, 10})))[1], 22);
  assign(w, tensor({0, 0}));
  EXPECT_FLOAT_EQ(values(f(tensor({1, 1})))[0], 1);
  EXPECT_FLOAT_EQ(values(w)[0], 1);
}

TEST(Compile, AReadNamesTheVersionBeforeTheAssignment) {
  Tensor w = state(tensor({3}));
  auto f = compile([&](Tensor x) {
    Tensor before = w * x;
    assign(w, w * 2.0);
    return before + w;
  });
  EXPECT_FLOAT_EQ(values(f(tensor({1})))[0], 3 + 6);
  EXPECT_FLOAT_EQ(values(f(tensor({1})))[0], 6 + 12);
}

TEST(Compile, OutputsThatTheCallerHoldsAreNotOverwritten) {
  auto f = compile([](Tensor x) { return x * 2.0; });
  Tensor a = f(tensor({1}));
  Tensor b = f(tensor({2}));
  EXPECT_FLOAT_EQ(values(a)[0], 2);
  EXPECT_FLOAT_EQ(values(b)[0], 4);
}

TEST(Compile, ValuesSharedWithAStateNeverChange) {
  Tensor w = state(tensor({1}));
  auto f = compile([&](Tensor x) {
    assign(w, w + x);
    return sum(w);
  });
  Tensor before = w.detach();
  f(tensor({5}));
  EXPECT_FLOAT_EQ(values(before)[0], 1);
  EXPECT_FLOAT_EQ(values(w)[0], 6);
}

TEST(Compile, ReadingAValueWhileTracingIsAnError) {
  auto f = compile([](Tensor x) { return x * sum(x).item(); });
  EXPECT_THROW(f(tensor({1})), Error);
}

TEST(Compile, ShapesAndModesGetExecutablesOfTheirOwn) {
  auto f = compile([](Tensor x) { return sum(x); });
  f(tensor({1}));
  f(tensor({1, 2}));
  EXPECT_EQ(f.function().executables(), 2u);
  NoGrad no_grad;
  f(tensor({1}));
  EXPECT_EQ(f.function().executables(), 3u);
}

// A two-layer network trained by hand-written SGD: the compiled step equals the eager one.
struct Net {
  Tensor w1 = parameter(randn({8, 5}) * 0.5), w2 = parameter(randn({3, 8}) * 0.5),
         b = parameter(zeros({3}));
  Tensor step(const Tensor& x, const Tensor& y) {
    Tensor h = relu(layer_norm(linear(x, w1), {8}));
    Tensor loss = cross_entropy(linear(h, w2, b), y);
    Tensors g = grad({loss}, {w1, w2, b});
    Tensor* parameters[] = {&w1, &w2, &b};
    for (int i = 0; i < 3; ++i) assign(*parameters[i], *parameters[i] - g[i] * 0.1);
    return loss;
  }
};

TEST(Compile, AWholeTrainingStepEqualsEager) {
  manual_seed(1);
  Net eager;
  manual_seed(1);
  Net compiled;
  auto step = compile([&](Tensor x, Tensor y) { return compiled.step(x, y); });
  manual_seed(7);
  for (int i = 0; i < 5; ++i) {
    Tensor x = randn({16, 5});
    Tensor y = randint(3, {16});
    const double a = eager.step(x, y).item(), b = step(x, y).item();
    EXPECT_NEAR(a, b, 1e-6 * std::fabs(a));
  }
  for (auto [p, q] :
       {std::pair{eager.w1, compiled.w1}, {eager.w2, compiled.w2}, {eager.b, compiled.b}}) {
    const auto va = values(p), vb = values(q);
    for (size_t i = 0; i < va.size(); ++i) EXPECT_NEAR(va[i], vb[i], 1e-5) << i;
  }
}

TEST(Compile, RandomNumbersAdvanceAsEagerOnesWould) {
  auto f = compile([](Tensor x) { return dropout(x, 0.5) + rand({64}); });
  const Tensor x = full({64}, 1);
  manual_seed(3);
  const auto e1 = values(dropout(x, 0.5) + rand({64})), e2 = values(dropout(x, 0.5) + rand({64}));
  manual_seed(3);
  EXPECT_EQ(values(f(x)), e1);
  EXPECT_EQ(values(f(x)), e2);
}

TEST(Compile, ABadIndexStopsTheStepBeforeAnyStateChanges) {
  Tensor w = parameter(full({4, 2}, 1));
  auto f = compile([&](Tensor i) {
    Tensor loss = sum(embedding(w, i));
    assign(w, w - grad({loss}, {w})[0]);
    return loss;
  });
  EXPECT_THROW(f(tensor(std::vector<int64_t>{0, 9}, {2})), Error);
  EXPECT_EQ(values(w), std::vector<float>(8, 1));
  f(tensor(std::vector<int64_t>{0, 1}, {2}));
  EXPECT_EQ(values(w)[0], 0);
}

TEST(Compile, GradientsOfGradientsInsideAStep) {
  Tensor w = parameter(tensor({2, 3}));
  auto f = compile([&](Tensor x) {
    Tensor y = sum(w * w * w * x);
    Tensor g = grad({y}, {w}, {.create_graph = true})[0];
    return grad({sum(square(g))}, {w})[0];
  });
  // g = 3 w^2 x, sum g^2 = 9 w^4 x^2, its gradient 36 w^3 x^2
  EXPECT_FLOAT_EQ(values(f(tensor({1, 2})))[0], 36 * 8);
  EXPECT_FLOAT_EQ(values(f(tensor({1, 2})))[1], 36 * 27 * 4);
}

TEST(Compile, BackwardLeavesGradients) {
  Tensor w = parameter(tensor({2}));
  auto f = compile([&](Tensor x) {
    Tensor loss = sum(w * x);
    backward(loss);
    return loss;
  });
  f(tensor({5}));
  EXPECT_FLOAT_EQ(values(w.grad())[0], 5);
}

}  // namespace
}  // namespace cairn

namespace cairn {
namespace {

TEST(Compile, WeightsOfInferenceAreTransformedOnceAVersion) {
  Tensor w = state(tensor({1, 2}));
  auto f = compile([&](Tensor x) {
    return matmul(reshape(x, {1, 2}), reshape(exp(w) * 2.0, {2, 1}));
  });
  EXPECT_NEAR(values(f(tensor({1, 0})))[0], 2 * std::exp(1.0), 1e-5);
  EXPECT_NEAR(values(f(tensor({1, 0})))[0], 2 * std::exp(1.0), 1e-5);
  assign(w, tensor({0, 0}));
  EXPECT_NEAR(values(f(tensor({1, 0})))[0], 2, 1e-5);
}

TEST(Compile, NaNStopsTheStepBeforeAnyStateChanges) {
  Tensor w = state(tensor({1}));
  auto f = compile([&](Tensor x) {
    Tensor loss = check_finite(log(x));
    assign(w, w + loss);
    return loss;
  });
  EXPECT_THROW(f(tensor({-1})), Error);
  EXPECT_EQ(values(w)[0], 1);
  f(tensor({1}));
  EXPECT_EQ(values(w)[0], 1);
}

TEST(Compile, RowsAreFusedWithWhatFollows) {
  auto f = compile([](Tensor x) { return softmax(x * 2.0, 1) + 1.0; });
  const Tensor x = randn({32, 50});
  const auto compiled = values(f(x)), eager = values(softmax(x * 2.0, 1) + 1.0);
  for (size_t i = 0; i < eager.size(); ++i) EXPECT_NEAR(compiled[i], eager[i], 1e-6);
  EXPECT_EQ(f.last()->stats().kernels, 1u);
}

}  // namespace
}  // namespace cairn

namespace cairn {
namespace {

// How often an op stands in a graph, in regions too.
int count_of(const Graph& graph, const std::string& op) {
  int count = 0;
  for (const Node& node : graph.nodes) {
    count += node.op->name == op;
    if (node.region)
      for (const RegionStep& s : node.region->steps) count += s.op->name == op;
  }
  return count;
}

TEST(Compile, AnActivationAndItsSlopeShareTheirFactor) {
  manual_seed(2);
  const Tensor x = parameter(randn({40, 64}) * 2.0), t = randn({40, 64});
  const std::pair<const char*, const char*> ops[] = {
      {"gelu", "gelu_gate"}, {"gelu_tanh", "gelu_tanh_gate"}, {"silu", "sigmoid"}};
  for (const auto& [op, factor] : ops) {
    auto body = [&, op = op](Tensor t) -> Tensors {
      const Tensor y = apply(op_named(op), {x});
      return {y, grad({sum(y * t)}, {x})[0]};
    };
    auto step = compile(body);
    const Tensors compiled = step(t), eager = body(t);
    for (int i : {0, 1}) EXPECT_EQ(values(compiled[i]), values(eager[i])) << op;
    EXPECT_EQ(count_of(step.last()->graph(), op), 0);
    EXPECT_EQ(count_of(step.last()->graph(), factor), 1);
    auto forward = compile([&, op = op](Tensor t) { return apply(op_named(op), {t}); });
    EXPECT_EQ(values(forward(t)), values(apply(op_named(op), {t})));
    EXPECT_EQ(count_of(forward.last()->graph(), op), 1);
  }
}

TEST(Compile, TheGradientOfAWeightLiesAsTheWeightDoes) {
  const Tensor w = parameter(randn({6, 4})), x = randn({9, 4}), t = randn({9, 6});
  auto body = [&](Tensor x) {
    return grad({sum(matmul(x, permute(w, {1, 0})) * t)}, {w})[0] * 2.0;
  };
  auto step = compile(body);
  const auto compiled = values(step(x)), eager = values(body(x));
  for (size_t i = 0; i < eager.size(); ++i) EXPECT_NEAR(compiled[i], eager[i], 1e-5);
  for (const Node& node : step.last()->graph().nodes)
    if (std::string(node.op->name) == "matmul") {
      EXPECT_EQ(step.last()->graph().desc(node.outputs[0]).shape, w.shape());
    }
}

// A tile program holds so many loads, constants and steps together: what has more of them is cut.
TEST(Compile, AnyNumberOfInputsAndConstantsIsFused) {
  for (const int inputs : {10, 20, 30, 36, 40, 43, 60, 100}) {
    std::vector<Tensor> args;
    for (int i = 0; i < inputs; ++i) args.push_back(randn({336}));
    const auto body = [&](std::span<const Tensor> in) -> Tensors {
      Tensor all = in[0] * 0.5;
      for (size_t i = 1; i < in.size(); ++i)
        all = where(gt(in[i], 0.01 * static_cast<double>(i)), all + in[i], all);
      return {all};
    };
    CompiledFunction compiled(body);
    const auto expected = values(body(args)[0]), got = values(compiled.call(args)[0]);
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-4) << inputs;
  }
}

TEST(Compile, TheGradientOfASplitIsOneCopy) {
  Tensor w = parameter(randn({4, 6}));
  auto f = compile([&](Tensor x) {
    const Tensors parts = split(w, {1, 2, 3}, 1);
    return grad({sum(parts[0] * parts[0]) + sum(exp(parts[1])) + sum(parts[2] * x)}, {w})[0];
  });
  const Tensor x = randn({4, 3});
  const auto compiled = values(f(x));
  const auto wv = values(w), xv = values(x);
  for (int r = 0; r < 4; ++r) {
    EXPECT_FLOAT_EQ(compiled[r * 6], 2 * wv[r * 6]);
    EXPECT_NEAR(compiled[r * 6 + 1], std::exp(wv[r * 6 + 1]), 1e-5);
    EXPECT_FLOAT_EQ(compiled[r * 6 + 5], xv[r * 3 + 2]);
  }
  int embeds = 0;
  for (const Node& node : f.last()->graph().nodes)
    embeds += std::string(node.op->name) == "embed_slice";
  EXPECT_EQ(embeds, 0);
}

}  // namespace
}  // namespace cairn
