// Networks in 8 bits against themselves in f32, eagerly and compiled.
#include "cairn/quantize/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cairn/compile/compile.h"
#include "cairn/graph/recorder.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/random.h"
#include "cairn/quantize/observe.h"

namespace cairn::quantize {
namespace {

using nn::Conv2d, nn::BatchNorm2d, nn::Linear;

// Normalisation with statistics of its own, as after a training.
BatchNorm2d trained_norm(int64_t channels) {
  BatchNorm2d norm(channels);
  assign(norm.weight, uniform({channels}, 0.5, 1.5)),
      assign(norm.bias, uniform({channels}, -0.5, 0.5));
  assign(norm.running_mean, uniform({channels}, -0.2, 0.2)),
      assign(norm.running_var, uniform({channels}, 0.2, 1));
  return norm;
}

struct Plain : nn::Module {  // LeNet's shape: pooling, flattening, two linear layers
  Conv2d c1 = child("c1", Conv2d(3, 20, 5, {.stride = 2, .padding = 2}));
  Conv2d c2 = child("c2", Conv2d(20, 24, 3, {.padding = 1}));
  Linear f1 = child("f1", Linear(24 * 4 * 4, 50));
  Linear f2 = child("f2", Linear(50, 7));
  Tensor forward(Tensor x) override {
    x = max_pool2d(relu(c1(x)), 2);
    return f2(relu(f1(flatten(relu(c2(x)), 1))));
  }
};
struct Residual : nn::Module {  // one block closed by relu(a + b), one whose sum stands alone; a
                                // mean over pixels
  Conv2d c1 = child("c1", Conv2d(3, 64, 3, {.padding = 1, .bias = false}));
  BatchNorm2d b1 = child("b1", trained_norm(64));
  Conv2d c2 = child("c2", Conv2d(64, 64, 3, {.padding = 1, .bias = false}));
  BatchNorm2d b2 = child("b2", trained_norm(64));
  Conv2d c3 = child("c3", Conv2d(64, 64, 1));
  Linear head = child("head", Linear(64, 10));
  Tensor forward(Tensor x) override {
    x = relu(b1(c1(x)));
    x = relu(b2(c2(x)) + x);
    x = x + relu(c3(x));
    return head(mean(x, {2, 3}));
  }
};
struct Fire : nn::Module {  // SqueezeNet's module, and a pooling of pixels before the end
  Conv2d squeeze = child("squeeze", Conv2d(3, 16, 1));
  Conv2d left = child("left", Conv2d(16, 24, 1));
  Conv2d right = child("right", Conv2d(16, 40, 3, {.padding = 1}));
  Conv2d last = child("last", Conv2d(64, 9, 1, {.padding = 1}));
  Tensor forward(Tensor x) override {
    x = relu(squeeze(x));
    x = max_pool2d(cat({relu(left(x)), relu(right(x))}, 1), 3, 2);
    return mean(relu(last(x)), {2, 3});
  }
};
struct Mobile : nn::Module {  // depthwise, and an activation that stays f32
  Conv2d c1 = child("c1", Conv2d(3, 32, 3, {.stride = 2, .padding = 1}));
  Conv2d c2 = child("c2", Conv2d(32, 32, 3, {.padding = 1, .groups = 32}));
  Conv2d c3 = child("c3", Conv2d(32, 18, 1));
  Linear head = child("head", Linear(18, 5, {.bias = false}));
  Tensor forward(Tensor x) override {
    x = relu(c2(hardswish(c1(x))));
    return head(amax(c3(x), {2, 3})) * 0.5;
  }
};
struct Rows : nn::Module {  // linear layers over more than examples, with a norm between
  Linear f1 = child("f1", Linear(48, 40));
  nn::LayerNorm norm = child("norm", nn::LayerNorm(Shape{40}));
  Linear f2 = child("f2", Linear(40, 6));
  Tensor forward(Tensor x) override { return f2(norm(gelu(f1(reshape(x, {x.size(0), 16, 48}))))); }
};

Tensors batches_like(const Shape& shape, int count) {
  Tensors all;
  for (int i = 0; i < count; ++i) all.push_back(randn(shape));
  return all;
}

Graph trace(const nn::Module& net, const Tensor& x) {
  Graph graph;
  GraphRecorder recorder(graph);
  const RecorderScope scope(&recorder);
  const NoGrad no_grad;
  graph.outputs.push_back(recorder.value_of(net(recorder.argument(x.desc(), 0))));
  return graph;
}
int count(const Graph& graph, const std::string& op) {
  int n = 0;
  for (const Node& node : graph.nodes) n += op == node.op->name;
  return n;
}

double largest(const std::vector<float>& values) {
  double most = 0;
  for (float v : values) most = std::max(most, std::abs(static_cast<double>(v)));
  return most;
}

// Within `tolerance` of the largest value of f32; the same in a batch of any size and compiled.
template <class Net>
Graph check_network(double tolerance, double percentile = 100) {
  manual_seed(5);
  const NoGrad no_grad;
  const Shape image = {8, 3, 16, 16};
  Net net;
  net.eval();
  const Tensors batches = batches_like(image, 3);
  const Tensor x = batches[0];
  const auto want = net(x).template to_vector<float>();
  const Quantized q = quantize(net, batches, {.percentile = percentile});
  QuantizedNetwork eight(net, q);
  const auto got = eight(x).template to_vector<float>();
  EXPECT_EQ(got.size(), want.size());
  double worst = 0;
  for (size_t i = 0; i < want.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(got[i] - want[i])));
  EXPECT_LE(worst, tolerance * largest(want));
  EXPECT_GT(worst, 0) << "this is not in 8 bits";

  auto compiled = compile([&](Tensor in) { return eight(in); });
  EXPECT_EQ(compiled(x).template to_vector<float>(), got);
  EXPECT_EQ(compiled(x).template to_vector<float>(), got);
  const Tensor one = contiguous(slice(x, 0, 3, 1));
  const auto alone = compiled(one).template to_vector<float>();
  const size_t width = got.size() / 8;
  EXPECT_EQ(alone, std::vector<float>(got.begin() + 3 * width, got.begin() + 4 * width));
  return trace(eight, x);
}

TEST(Quantize, StaysIn8BitsFromLayerToLayer) {
  const Graph plain = check_network<Plain>(0.06);
  EXPECT_EQ(count(plain, "qlinear_conv"), 4);
  EXPECT_EQ(count(plain, "qlinear_max_pool"), 1);
  EXPECT_EQ(count(plain, "quantize_linear"), 1);
  EXPECT_EQ(count(plain, "dequantize_linear"), 0);  // the last layer gives floats
}

TEST(Quantize, Residuals) {
  const Graph graph = check_network<Residual>(0.06);
  EXPECT_EQ(count(graph, "qlinear_conv"), 4);
  EXPECT_EQ(count(graph, "qlinear_add"), 1);  // the other sum is part of its convolution
  EXPECT_EQ(count(graph, "qlinear_average_pool"), 1);
  EXPECT_EQ(count(graph, "dequantize_linear"), 0);
}

TEST(Quantize, ConcatenationSharesAScale) {
  const Graph graph = check_network<Fire>(0.06);
  EXPECT_EQ(count(graph, "cat"), 1);
  EXPECT_EQ(count(graph, "requantize_linear"), 0);
}

TEST(Quantize, DepthwiseAndActivationsInF32) {
  const Graph graph = check_network<Mobile>(0.08);
  EXPECT_EQ(count(graph, "qlinear_conv"), 4);
  EXPECT_EQ(count(graph, "hardswish"), 1);
}

TEST(Quantize, LinearLayersOverRows) {
  const Graph graph = check_network<Rows>(0.05);
  EXPECT_EQ(count(graph, "qlinear_conv"), 2);
}

TEST(Quantize, Percentile) { check_network<Plain>(0.2, 99.9); }

TEST(Quantize, WeightsGiveTheirMemoryBack) {
  const NoGrad no_grad;
  Plain net;
  const Tensors batches = batches_like({2, 3, 16, 16}, 1);
  const QuantizedNetwork eight(net, quantize(net, batches));
  EXPECT_EQ(largest(net.c2.weight.to_vector<float>()), 0);
  EXPECT_EQ(net.c2.weight.impl()->buffer->bytes(), sizeof(float));
}

TEST(Quantize, OtherConvolutionsStayF32AndAreNamed) {
  struct Video : nn::Module {
    nn::Conv3d c1 = child("c1", nn::Conv3d(3, 4, 3, {.padding = 1}));
    nn::ConvTranspose2d up = child("up", nn::ConvTranspose2d(8, 6, 2));
    Linear head = child("head", Linear(6 * 9 * 9, 5));
    Tensor forward(Tensor x) override {
      x = relu(c1(unsqueeze(x, 2)));
      return head(flatten(up(reshape(x, {x.size(0), 8, 8, 16 / 2})), 1));
    }
  };
  const NoGrad no_grad;
  Video net;
  const Tensors batches = batches_like({2, 3, 8, 16}, 1);
  const auto want = net(batches[0]).to_vector<float>();
  const Quantized q = quantize(net, batches);
  EXPECT_EQ(q.layers, std::vector<std::string>{"head"});
  ASSERT_EQ(q.kept.size(), 2u);
  EXPECT_NE(q.kept[0].find("c1 (conv): only two-dimensional"), std::string::npos) << q.kept[0];
  EXPECT_NE(q.kept[1].find("up (conv_grad_input)"), std::string::npos) << q.kept[1];
  QuantizedNetwork eight(net, q);
  const auto got = eight(batches[0]).to_vector<float>();
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 0.05 * largest(want));
}

TEST(Quantize, ALayerOfZeros) {
  const NoGrad no_grad;
  Plain net;
  assign(net.c2.weight, zeros(net.c2.weight.shape())),
      assign(net.c2.bias, zeros(net.c2.bias.shape()));
  const Tensors batches = batches_like({2, 3, 16, 16}, 1);
  const auto want = net(batches[0]).to_vector<float>();
  QuantizedNetwork eight(net, quantize(net, batches));
  const auto got = eight(batches[0]).to_vector<float>();
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 0.05 * largest(want));
}

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) { return e.what(); }
  return "";
}

TEST(Quantize, SaysWhatIsWrong) {
  const NoGrad no_grad;
  Plain net;
  const Tensor x = randn({2, 3, 16, 16});
  const Tensors one = {x}, two = {x, randn({1, 3, 16, 16})},
                bad = {x * std::numeric_limits<double>::quiet_NaN()};
  EXPECT_NE(message([&] { quantize(net, {}); }).find("no data to calibrate on"), std::string::npos);
  EXPECT_NE(message([&] { quantize(net, two); }).find("one shape"), std::string::npos);
  EXPECT_NE(message([&] { quantize(net, bad); }).find("the network's input holds NaN"),
            std::string::npos);
  EXPECT_NE(message([&] { quantize(net, one, {.percentile = 20}); }).find("percentile 20"),
            std::string::npos);
  struct Log : nn::Module {
    Conv2d c = child("c", Conv2d(3, 3, 1));
    Tensor forward(Tensor x) override { return c(log(x)); }
  };
  EXPECT_NE(message([&] { quantize(Log(), one); }).find("the result of ':log' holds NaN"),
            std::string::npos);
  struct Nothing : nn::Module {
    Tensor forward(Tensor x) override { return relu(x); }
  };
  EXPECT_NE(message([&] { quantize(Nothing(), one); }).find("no two-dimensional convolution"),
            std::string::npos);
  // Tensors of another network.
  Residual other;
  const Quantized q = quantize(net, one);
  EXPECT_NE(message([&] { QuantizedNetwork(other, q)(x); }).find("of another network"),
            std::string::npos);
  // NaN when it is used.
  QuantizedNetwork eight(net, q);
  EXPECT_NE(message([&] { eight(bad[0]); }).find("quantize_linear"), std::string::npos);
}

TEST(Observer, RangesHoldZeroAndThePercentile) {
  auto params = [](const std::vector<float>& values, double percentile) {
    Observer o;
    EXPECT_TRUE(o.see_ends(values));
    if (percentile < 100) o.see_counts(values);
    return o.params(percentile);
  };
  EXPECT_EQ(params({0, 0}, 100), (QParams{1, 0}));
  EXPECT_EQ(params({0, 0}, 99), (QParams{1, 0}));
  EXPECT_EQ(params({1, 51}, 100), (QParams{0.2, 0}));
  EXPECT_EQ(params({-51, -3}, 100), (QParams{0.2, 255}));
  const QParams both = params({-1, 1}, 100);
  EXPECT_NEAR(both.scale, 2.0 / 255, 1e-9);
  EXPECT_NEAR(static_cast<double>(both.zero), 127.5, 0.6);
  std::vector<float> values;
  for (int i = 0; i < 10000; ++i) values.push_back(static_cast<float>(i) / 10000);
  values.push_back(100);  // one far away
  EXPECT_NEAR(params(values, 100).scale, 100.0 / 255, 1e-6);
  EXPECT_NEAR(params(values, 99.9).scale, 1.0 / 255, 0.1 / 255);
  Observer o;
  EXPECT_FALSE(o.see_ends({1, std::numeric_limits<float>::infinity()}));
}

}  // namespace
}  // namespace cairn::quantize
