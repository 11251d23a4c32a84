// Inference of convolution networks: normalisation folds into weights, what follows joins the
// convolution.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cairn/compile/compile.h"
#include "cairn/compile/dump.h"
#include "cairn/autograd/autograd.h"
#include "cairn/base/parallel.h"
#include "cairn/nn/conv.h"
#include "cairn/nn/rnn.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

void expect_near(const Tensor& a, const Tensor& b, double tolerance = 1e-4) {
  ASSERT_EQ(a.shape(), b.shape());
  const auto va = a.to_vector<float>(), vb = b.to_vector<float>();
  for (size_t i = 0; i < va.size(); ++i) ASSERT_NEAR(va[i], vb[i], tolerance) << i;
}

// A residual block in evaluation mode.
struct Block {
  int64_t channels;
  Tensor w = state(randn({channels, channels, 3, 3}) * 0.2);
  Tensor mean = state(randn({channels})), var = state(rand({channels}) + 0.5);
  Tensor gamma = state(randn({channels})), beta = state(randn({channels}));
  explicit Block(int64_t c) : channels(c) {}

  Tensor normalized(const Tensor& x) const {
    return batch_norm(conv2d(x, w, {}, {.padding = {1}}), mean, var, gamma, beta, false);
  }
  Tensor operator()(const Tensor& x) const { return relu(normalized(x) + x); }
};

TEST(Fold, AResidualBlockIsOneKernel) {
  for (int64_t channels : {8, 16, 13}) {
    manual_seed(1);
    const Block block(channels);
    const Tensor x = randn({2, channels, 9, 7});
    NoGrad no_grad;
    auto f = compile([&](Tensor t) { return block(t); });
    expect_near(f(x), block(x));
    expect_near(f(x), block(x));
    int64_t work = 0;
    for (const Node& node : f.last()->graph().nodes)
      work += std::string(node.op->name) == "conv_fused";
    EXPECT_EQ(work, 1);
    for (const Node& node : f.last()->graph().nodes) EXPECT_STRNE(node.op->name, "conv");
  }
}

TEST(Fold, EveryKernelHasTheSameEpilogue) {
  for (const char* choice : {"direct", "gemm", "f2", "f4"}) {
    setenv("CAIRN_CONV", choice, 1);
    manual_seed(2);
    const Block block(13);
    const Tensor x = randn({2, 13, 9, 7});
    NoGrad no_grad;
    auto f = compile([&](Tensor t) { return block(t); });
    expect_near(f(x), block(x));
    unsetenv("CAIRN_CONV");
  }
}

TEST(Fold, WeightsAreFoldedAgainAfterAnAssignment) {
  manual_seed(3);
  const Block block(8);
  const Tensor x = randn({1, 8, 6, 6});
  NoGrad no_grad;
  auto f = compile([&](Tensor t) { return block(t); });
  expect_near(f(x), block(x));
  assign(block.gamma, randn({8}));
  expect_near(f(x), block(x));
  assign(block.mean, randn({8}));
  expect_near(f(x), block(x));
  assign(block.w, randn({8, 8, 3, 3}));
  expect_near(f(x), block(x), 1e-3);
}

// Convolutions for which Winograd has a form, and one weight of each.
struct FixedWeight {
  Shape x, w;
  Tensor (*run)(const Tensor& x, const Tensor& w);
};
const FixedWeight kFixedWeights[] = {
    {{2, 5, 9, 7},
     {13, 5, 3, 3},
     [](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, {.padding = {1}}); }},
    {{1, 9, 4, 6, 5},
     {8, 9, 3, 3, 3},
     [](const Tensor& x, const Tensor& w) { return conv3d(x, w, {}, {.padding = {1}}); }},
    {{2, 5, 10, 8},
     {13, 5, 4, 4},
     [](const Tensor& x, const Tensor& w) {
       return conv2d(x, w, {}, {.stride = {2}, .padding = {1}});
     }},
    {{2, 5, 10, 8},
     {13, 5, 3, 3},
     [](const Tensor& x, const Tensor& w) {
       return conv2d(x, w, {}, {.stride = {2}, .padding = {1}});
     }},
    {{2, 13, 5, 4},
     {13, 5, 3, 3},
     [](const Tensor& x, const Tensor& w) {
       return conv_transpose(x, w, {}, {.stride = {2}, .padding = {1}, .output_padding = {1}});
     }},
    {{2, 13, 5, 4},
     {13, 5, 4, 4},
     [](const Tensor& x, const Tensor& w) {
       return conv_transpose(x, w, {}, {.stride = {2}, .padding = {1}});
     }},
};

int64_t packed_values(const Graph& graph) {
  int64_t count = 0;
  for (const Value& v : graph.values) count += v.desc.layout.packed();
  return count;
}

TEST(Fold, WinogradKeepsItsTransformedWeightsUntilTheyAreAssigned) {
  for (const char* choice : {"f2", "f4"})
    for (const FixedWeight& c : kFixedWeights) {
      manual_seed(5);
      const Tensor x = randn(c.x), w = state(randn(c.w) * 0.3);
      NoGrad no_grad;
      auto expected = [&] {
        setenv("CAIRN_CONV", "direct", 1);
        const Tensor y = c.run(x, w);
        setenv("CAIRN_CONV", choice, 1);
        return y;
      };
      expected();
      auto f = compile([&](Tensor t) { return c.run(t, w); });
      for (int i = 0; i < 2; ++i) expect_near(f(x), expected(), 1e-3);
      EXPECT_EQ(packed_values(f.last()->graph()), 1) << choice << to_string(c.w);
      assign(w, randn(c.w) * 0.3);
      for (int i = 0; i < 2; ++i) expect_near(f(x), expected(), 1e-3);
      unsetenv("CAIRN_CONV");
    }
}

// Convolutions of every kind: steps, dilation, padding of one side, one to three dimensions, a
// depth of several pieces, a single pixel, more panels than pixels (of one block, of two) and the
// other way round.
const FixedWeight kGathered[] = {
    {{1, 13, 7, 7},
     {70, 13, 1, 1},
     [](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, {}); }},
    {{3, 520, 3, 5},
     {40, 520, 1, 1},
     [](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, {}); }},
    {{2, 300, 13, 12},
     {330, 300, 1, 1},
     [](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, {}); }},
    {{2, 16, 9, 8},
     {24, 16, 1, 1},
     [](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, {.stride = {2}}); }},
    {{2, 37, 12, 11},
     {9, 37, 3, 3},
     [](const Tensor& x, const Tensor& w) {
       return conv2d(x, w, {}, {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}});
     }},
    {{1, 8, 5, 5},
     {8, 8, 5, 5},
     [](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, {}); }},
    {{1, 16, 40, 40},
     {16, 16, 3, 3},
     [](const Tensor& x, const Tensor& w) {
       return conv2d(x, w, {}, {.stride = {2}, .padding = {1}});
     }},
    {{2, 11, 30},
     {17, 11, 5},
     [](const Tensor& x, const Tensor& w) {
       return conv(x, w, {}, {.stride = {3}, .padding = {2}});
     }},
    {{2, 9, 4, 6, 5},
     {12, 9, 3, 2, 3},
     [](const Tensor& x, const Tensor& w) {
       return conv3d(x, w, {}, {.stride = {1, 2, 1}, .padding = {1}});
     }},
};

TEST(Fold, AProductOverGatheredPixelsIsTheConvolution) {
  for (const FixedWeight& c : kGathered) {
    manual_seed(8);
    const Tensor x = randn(c.x), w = state(randn(c.w) * 0.1);
    NoGrad no_grad;
    setenv("CAIRN_CONV", "direct", 1);
    const Tensor expected = c.run(x, w);
    setenv("CAIRN_CONV", "gemm", 1);
    for (int threads : {1, 2, 3}) {
      set_num_threads(threads);
      auto f = compile([&](Tensor t) { return c.run(t, w); });
      expect_near(f(x), expected, 1e-4);
      EXPECT_EQ(packed_values(f.last()->graph()), 1) << to_string(c.w);
    }
    set_num_threads(2);
    unsetenv("CAIRN_CONV");
  }
}

TEST(Fold, ANarrowWeightIsNotPacked) {
  manual_seed(6);
  setenv("CAIRN_CONV", "f4", 1);
  const Tensor w = state(randn({16, 16, 3, 3})), x = randn({1, 16, 9, 7});
  NoGrad no_grad;
  auto f = compile([&](Tensor t) {
    const AutocastScope scope(DType::bf16);
    return cast(conv2d(t, w, {}, {.padding = {1}}), DType::f32);
  });
  expect_near(f(x), conv2d(x, w, {}, {.padding = {1}}), 1);
  EXPECT_EQ(packed_values(f.last()->graph()), 0);
  unsetenv("CAIRN_CONV");
}

template <class Layer>
void expect_packed_until_assigned(const Layer& layer, int64_t weights) {
  const Tensor x = randn({5, 3, 9});
  NoGrad no_grad;
  auto f = compile([&](Tensor t) { return layer(t).output; });
  for (const double scale : {1.0, 0.5}) {
    for (const auto& [name, p] : layer.named_parameters()) assign(p, p * scale);
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(f(x).template to_vector<float>(), layer(x).output.template to_vector<float>());
  }
  EXPECT_EQ(packed_values(f.last()->graph()), weights);
}

// Which is what every call of an eager one does: the same bits.
TEST(Fold, RecurrentWeightsArePackedUntilTheyAreAssigned) {
  manual_seed(8);
  expect_packed_until_assigned(nn::LSTM(9, 37, {.num_layers = 2, .bidirectional = true}), 8);
  expect_packed_until_assigned(nn::GRU(9, 21, {.bias = false}), 2);
  expect_packed_until_assigned(nn::RNN(9, 16), 2);
}

TEST(Fold, AWeightThatTheStepChangesIsNotPacked) {
  setenv("CAIRN_CONV", "f4", 1);
  const Tensor w = parameter(randn({13, 5, 3, 3})), x = randn({2, 5, 9, 7});
  auto f = compile([&](Tensor t) {
    const Tensor loss = mean(square(conv2d(t, w, {}, {.padding = {1}})));
    assign(w, w - 0.1 * grad({loss}, {w})[0]);
    return loss;
  });
  const double first = f(x).item();
  EXPECT_LT(f(x).item(), first);
  EXPECT_EQ(packed_values(f.last()->graph()), 0);
  unsetenv("CAIRN_CONV");
}

TEST(Fold, BiasBeforeTheNormalisationAndGroups) {
  manual_seed(4);
  const Tensor w = state(randn({16, 4, 3, 3})), b = state(randn({16})), mean = state(randn({16})),
               var = state(rand({16}) + 0.5);
  auto body = [&](const Tensor& x) {
    return batch_norm(conv2d(x, w, b, {.stride = {2}, .groups = 2}), mean, var, {}, {}, false);
  };
  const Tensor x = randn({2, 8, 9, 9});
  NoGrad no_grad;
  auto f = compile([&](Tensor t) { return body(t); });
  expect_near(f(x), body(x));
}

TEST(Fold, ASecondReaderKeepsTheValue) {
  manual_seed(5);
  const Block block(8);
  auto body = [&](const Tensor& x) {
    const Tensor y = block.normalized(x);
    return relu(y) + exp(neg(square(y)));
  };
  const Tensor x = randn({1, 8, 5, 5});
  NoGrad no_grad;
  auto f = compile([&](Tensor t) { return body(t); });
  expect_near(f(x), body(x));
}

TEST(Fold, BothBranchesOfASumAreConvolutions) {
  manual_seed(6);
  const Block a(8), b(8);
  auto body = [&](const Tensor& x) { return relu(a.normalized(x) + b.normalized(x)); };
  const Tensor x = randn({2, 8, 5, 5});
  NoGrad no_grad;
  auto f = compile([&](Tensor t) { return body(t); });
  expect_near(f(x), body(x));
}

TEST(Fold, ATrainedWeightIsNotFolded) {
  manual_seed(7);
  const Tensor w = parameter(randn({8, 8, 3, 3})), scale = state(randn({8, 1, 1}));
  const Tensor start = w.detach() * 1.0, x = randn({2, 8, 6, 6});
  auto body = [&](const Tensor& t) {
    const Tensor loss = sum(square(relu(conv2d(t, w, {}, {.padding = {1}}) * scale)));
    assign(w, w - grad({loss}, {w})[0] * 1e-4);
    return loss;
  };
  auto f = compile([&](Tensor t) { return body(t); });
  const double compiled = f(x).item();
  for (const Node& node : f.last()->graph().nodes) EXPECT_STRNE(node.op->name, "conv_fused");
  const Tensor trained = w.detach() * 1.0;
  assign(w, start);
  EXPECT_NEAR(body(x).item() / compiled, 1, 1e-5);
  expect_near(w, trained);
}

// A convolution without bias takes relu into its kernel, too.
TEST(Fold, ReluRightAfterAConvolution) {
  const NoGrad no_grad;
  manual_seed(5);
  for (const int64_t kernel : {1, 3}) {
    const nn::Conv2d conv(16, 20, kernel, {.padding = kernel / 2, .bias = false});
    const Tensor x = randn({2, 16, 9, 11});
    const auto body = [&](const Tensor& v) { return relu(conv(v)); };
    auto f = compile(body);
    expect_near(f(x), body(x), 1e-5);
    int fused = 0, relus = 0;
    for (const Node& node : f.last()->graph().nodes) {
      fused += node.op->name == std::string_view("conv_fused");
      relus += node.region != nullptr;
    }
    EXPECT_EQ(fused, 1);
    EXPECT_EQ(relus, 0);
  }
}

// Whatever kernel the convolution, its bias, a residual and relu go to.
TEST(Fold, ReluAfterAConvolutionKeepsNaN) {
  struct Case {
    int64_t in, out, kernel, stride, side, batch, groups;
  };
  const Case cases[] = {{1, 6, 5, 1, 28, 1, 1},    {3, 16, 3, 1, 32, 8, 1},
                        {16, 32, 3, 2, 16, 1, 1},  {64, 64, 1, 1, 8, 1, 1},
                        {64, 64, 3, 1, 8, 2, 1},   {3, 64, 7, 2, 64, 1, 1},
                        {16, 16, 3, 1, 16, 1, 16}, {32, 32, 1, 2, 16, 4, 1},
                        {13, 13, 3, 1, 9, 1, 1},   {24, 3, 3, 1, 16, 1, 1}};
  const NoGrad no_grad;
  manual_seed(3);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    if (dtype == DType::bf16 && product_dtype(DType::bf16) != DType::bf16) continue;
    for (const Case& c : cases) {
      const nn::Conv2d conv(c.in, c.out, c.kernel,
                            {.stride = c.stride, .padding = c.kernel / 2, .groups = c.groups});
      std::vector<float> values(static_cast<size_t>(c.batch * c.in * c.side * c.side));
      for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
      values[static_cast<size_t>(c.side * c.side / 2)] = std::numeric_limits<float>::quiet_NaN();
      const Tensor x = tensor(values, {c.batch, c.in, c.side, c.side});
      const auto count = [&](const Tensor& y) {
        return sum(cast(isnan(cast(y, DType::f32)), DType::f32)).item();
      };
      const AutocastScope cast_to(dtype == DType::bf16 ? dtype : DType::f32);
      const auto plain = [&](Tensor v) { return relu(conv(v)); };
      const auto added = [&](Tensor v) {
        const Tensor y = conv(v);
        return relu(y + cast(ones(y.shape()), y.dtype()));
      };
      EXPECT_GT(count(plain(x)), 0);
      EXPECT_EQ(count(compile(plain)(x)), count(plain(x))) << c.in << " to " << c.out;
      EXPECT_EQ(count(compile(added)(x)), count(added(x))) << c.in << " to " << c.out;
      const Tensor y = compile(plain)(x);
      EXPECT_EQ(sum(cast(lt(cast(y, DType::f32), 0), DType::f32)).item(), 0);
    }
  }
}

}  // namespace
}  // namespace cairn
