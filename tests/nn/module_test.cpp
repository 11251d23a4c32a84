#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/nn/init.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/context.h"

namespace cairn::nn {
namespace {

struct Digits : Module {
  Conv2d c1 = child("c1", Conv2d(1, 4, 3, {.padding = 1}));
  BatchNorm2d b1 = child("b1", BatchNorm2d(4));
  Sequential tail = child("tail", Sequential(ReLU(), Flatten(), Linear(4 * 6 * 6, 5)));
  Param scale = param("scale", ones({1}));
  Tensor forward(Tensor x) override { return tail(b1(c1(x))) * scale; }
};

std::vector<std::string> names_of(const NamedTensors& list) {
  std::vector<std::string> names;
  for (const auto& [name, t] : list) names.push_back(name);
  return names;
}

TEST(Init, UndrawnValuesAreZeroAndLeaveTheGeneratorAlone) {
  manual_seed(3);
  const Tensor expected = randn({4});
  manual_seed(3);
  {
    const init::Undrawn undrawn;
    const Digits digits;
    for (const auto& [name, p] : digits.named_parameters()) {
      if (name.ends_with("c1.weight") || name.ends_with("2.bias")) {
        EXPECT_EQ(amax(abs(p)).item(), 0) << name;
      }
    }
    { const init::Undrawn nested; }
    EXPECT_EQ(init::orthogonal({2, 2}).to_vector<float>(), std::vector<float>(4, 0.0f));
  }
  EXPECT_EQ(randn({4}).to_vector<float>(), expected.to_vector<float>());
  EXPECT_GT(amax(abs(init::xavier_normal({3, 3}))).item(), 0);
}

std::string error_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) { return e.what(); }
  return "";
}

}  // namespace

TEST(Module, NamesAreDottedAndInOrder) {
  Digits net;
  EXPECT_EQ(names_of(net.named_parameters()),
            (std::vector<std::string>{"scale", "c1.weight", "c1.bias", "b1.weight", "b1.bias",
                                      "tail.2.weight", "tail.2.bias"}));
  EXPECT_EQ(
      names_of(net.named_buffers()),
      (std::vector<std::string>{"b1.running_mean", "b1.running_var", "b1.num_batches_tracked"}));
  EXPECT_EQ(net.num_parameters(), 1 + 36 + 4 + 8 + 4 * 36 * 5 + 5);
  EXPECT_EQ(net.find("tail.2").type(), "Linear");
  EXPECT_EQ(net.type(), "Digits");
}

TEST(Module, CopiesAliasAndClonesDoNot) {
  Digits net;
  Digits alias = net, other = clone(net);
  const Tensor x = randn({2, 1, 6, 6});
  net.eval();
  EXPECT_FALSE(alias.training());
  other.eval();
  const auto before = net(x).to_vector<float>();
  EXPECT_EQ(other(x).to_vector<float>(), before);
  assign(net.scale, full({1}, 3.0));
  EXPECT_EQ(alias.scale.to_vector<float>()[0], 3);
  EXPECT_EQ(alias(x).to_vector<float>(), net(x).to_vector<float>());
  EXPECT_EQ(other(x).to_vector<float>(), before);
  EXPECT_TRUE(other.parameters()[0].requires_grad());
  assign(other.find("tail.2").parameters()[1],
         full({5}, 1e6));  // reached through the type-erased element
  EXPECT_GT(other(x).to_vector<float>()[0], 1e5);
}

TEST(Module, CloneNamesAParameterThatItCannotFollow) {
  struct Held : Module {
    Tensor w = param("w", ones({1}));
  };
  Held held;
  EXPECT_NE(error_of([&] { (void)clone(held); }).find("'w' of Held"), std::string::npos);
}

TEST(Module, LoadingSaysWhatDoesNotFit) {
  Digits net;
  NamedTensors values = net.state_dict();
  values[0].second = ones({2});
  values[1].first = "c9.weight";
  const std::string message = error_of([&] { net.load_state_dict(values); });
  EXPECT_NE(message.find("missing (1): c1.weight"), std::string::npos) << message;
  EXPECT_NE(message.find("extra (1): c9.weight"), std::string::npos) << message;
  EXPECT_NE(message.find("scale [2] instead of [1]"), std::string::npos) << message;
}

TEST(Module, LoadingIsAllOrNothingAndRoundTrips) {
  Digits a, b;
  a.eval(), b.eval();
  b.load_state_dict(a.state_dict());
  const Tensor x = randn({2, 1, 6, 6});
  EXPECT_EQ(a(x).to_vector<float>(), b(x).to_vector<float>());
  NamedTensors part = {{"scale", full({1}, 2.0)}};
  EXPECT_THROW(b.load_state_dict(part), Error);
  EXPECT_EQ(b.scale.to_vector<float>()[0], 1);
  const LoadReport report = b.load_state_dict(part, false);
  EXPECT_EQ(b.scale.to_vector<float>()[0], 2);
  EXPECT_EQ(report.missing.size(), a.state_dict().size() - 1);
}

TEST(Module, ErrorsNameThePathAndTheCallersLine) {
  Digits net;
  const std::string message = error_of([&] { net(ones({2, 3, 6, 6})); });
  EXPECT_NE(message.find("c1"), std::string::npos) << message;
  EXPECT_NE(message.find("module_test.cpp"), std::string::npos) << message;
  EXPECT_TRUE(context().path.empty());
}

TEST(Module, ARootHasAPathToo) {
  EXPECT_NE(error_of([] { Linear(3, 4)(ones({2, 5})); }).find("(at Linear, "), std::string::npos);
  Digits net;
  const std::string message = error_of([&] { net(ones({2, 3, 6, 6})); });
  EXPECT_NE(message.find("(at Digits.c1, "), std::string::npos) << message;
}

TEST(Module, HooksSeeAndReplaceOutputs) {
  Digits net;
  net.eval();
  const Tensor x = randn({1, 1, 6, 6});
  Tensor seen;
  const Module conv = net.find("c1");
  const int id =
      conv.on_forward([&](const Tensors&, const Tensor& y) { return seen = y, Tensor(); });
  const Tensor y = net(x);
  EXPECT_EQ(seen.shape(), (Shape{1, 4, 6, 6}));
  EXPECT_EQ(grad({sum(y)}, {seen})[0].shape(), seen.shape());  // what Grad-CAM needs
  conv.remove_hook(id);
  net.tail.on_forward([](const Tensors&, const Tensor& t) { return t * 0.0; });
  EXPECT_EQ(net(x).to_vector<float>(), std::vector<float>(5, 0));
}

TEST(Module, ToChangesTheStateInPlace) {
  Digits net;
  const Tensor weight = net.c1.weight;
  net.to(DType::f64);
  EXPECT_EQ(weight.dtype(), DType::f64);
  EXPECT_EQ(net(cast(ones({2, 1, 6, 6}), DType::f64)).dtype(), DType::f64);
  EXPECT_EQ(net.b1.num_batches_tracked.dtype(), DType::i64);
}

TEST(Module, BatchNormFollowsTheBatchInTrainingOnly) {
  BatchNorm1d norm(2);
  const Tensor x = tensor<float>({1, 10, 3, 30}, {2, 2});
  norm(x);
  EXPECT_FLOAT_EQ(norm.running_mean.to_vector<float>()[1], 2);
  EXPECT_FLOAT_EQ(norm.running_var.to_vector<float>()[1], 0.9f + 0.1f * 200);
  EXPECT_EQ(norm.num_batches_tracked.item(), 1);
  norm.eval();
  norm(x);
  EXPECT_EQ(norm.num_batches_tracked.item(), 1);
}

TEST(Module, FreezeAndZeroGrad) {
  Digits net;
  net.freeze();
  EXPECT_FALSE(net(ones({2, 1, 6, 6})).requires_grad());
  net.freeze(false);
  backward(sum(net(randn({2, 1, 6, 6}))));
  EXPECT_TRUE(net.scale.grad().defined());
  net.zero_grad();
  EXPECT_FALSE(net.scale.grad().defined());
}

TEST(Summary, CountsShapesParametersAndWork) {
  Digits net;
  const Summary s = summarize(net, {2, 1, 6, 6});
  EXPECT_EQ(s.parameters, net.num_parameters());
  const auto row = [&](const std::string& name) {
    for (const SummaryRow& r : s.rows)
      if (r.name == name) return r;
    return SummaryRow{};
  };
  EXPECT_EQ(row("c1").output, (Shape{2, 4, 6, 6}));
  EXPECT_EQ(row("c1").multiply_adds, 2.0 * 4 * 36 * 9);
  EXPECT_EQ(row("tail.2").multiply_adds, 2.0 * 144 * 5);
  EXPECT_EQ(row("tail.2").type, "Linear");
  EXPECT_EQ(s.multiply_adds, 2.0 * (4 * 36 * 9 + 144 * 5));
  EXPECT_NE(to_text(s).find("tail.2"), std::string::npos);
  EXPECT_EQ(net.b1.num_batches_tracked.item(), 0);  // nothing ran
}

TEST(Summary, ListsAreInThePathOfWhatTheyHold) {
  struct Tower : Module {
    ModuleList<Sequential> blocks = child("blocks", ModuleList<Sequential>());
    Tower() { blocks.push_back(Sequential(Linear(3, 4), ReLU())); }
    Tensor forward(Tensor x) override { return blocks[0](x); }
  };
  const Summary s = summarize(Tower(), {2, 3});
  for (const SummaryRow& r : s.rows) {
    if (r.name == "blocks.0.0") { EXPECT_EQ(r.multiply_adds, 24); }
  }
  EXPECT_EQ(s.rows.size(), 5u);
}

TEST(Layers, InitialisationHasPyTorchsSpread) {
  manual_seed(3);
  const std::vector<float> w = Linear(64, 200).weight.to_vector<float>();
  double squares = 0, largest = 0;
  for (float v : w) squares += double(v) * v, largest = std::max<double>(largest, std::abs(v));
  EXPECT_NEAR(std::sqrt(squares / double(w.size())), 0.125 / std::sqrt(3.0),
              0.002);  // uniform in +-1/sqrt(64)
  EXPECT_LE(largest, 0.125);
  EXPECT_GT(largest, 0.1245);
}

TEST(Layers, OrthogonalRowsAreOrthonormal) {
  const Tensor q = init::orthogonal({3, 5});
  const std::vector<float> gram = matmul(q, transpose(q, 0, 1)).to_vector<float>();
  for (int i = 0; i < 9; ++i) EXPECT_NEAR(gram[i], i % 4 == 0 ? 1 : 0, 1e-6);
}

TEST(Layers, TruncatedNormalStaysInside) {
  const std::vector<float> v = init::trunc_normal({2000}, 0, 1, -0.5, 0.7).to_vector<float>();
  EXPECT_GE(*std::min_element(v.begin(), v.end()), -0.5);
  EXPECT_LE(*std::max_element(v.begin(), v.end()), 0.7f);
}

TEST(Layers, AdaptivePoolingCoversUnevenBins) {
  const Tensor x = reshape(arange(0, 10, 1, DType::f32), {1, 1, 1, 10});
  EXPECT_EQ(AdaptiveAvgPool2d({1, 4})(x).to_vector<float>(), (std::vector<float>{1, 3, 6, 8}));
  EXPECT_EQ(AdaptiveAvgPool2d(1)(x).to_vector<float>(), (std::vector<float>{4.5}));
  const Tensor alone = AdaptiveAvgPool2d(1)(reshape(x, {2, 1, 5}));  // without a batch
  EXPECT_EQ(alone.shape(), (Shape{2, 1, 1}));
  EXPECT_EQ(alone.to_vector<float>(), (std::vector<float>{2, 7}));
  EXPECT_EQ(AdaptiveMaxPool1d(2)(reshape(x, {1, 1, 10})).to_vector<float>(),
            (std::vector<float>{4, 9}));
  EXPECT_THROW(AdaptiveAvgPool2d(1)(reshape(x, {2, 5})), Error);
}

TEST(Layers, EmbeddingPaddingGetsNoGradient) {
  Embedding table(4, 3, {.padding_idx = 2});
  const Tensor y = table(tensor<int64_t>({2, 1, 2}, {3}));
  EXPECT_EQ(select(y, 0, 0).to_vector<float>(), std::vector<float>(3, 0));
  const std::vector<float> g = grad({sum(y)}, {table.weight})[0].to_vector<float>();
  EXPECT_EQ(g, (std::vector<float>{0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0}));
  assign(table.weight, full({4, 3}, 5));  // a row that was loaded is read as it is
  EXPECT_EQ(table(tensor<int64_t>({2}, {1})).to_vector<float>(), std::vector<float>(3, 5));
}

TEST(Layers, RecurrentLengthsAreAsIfCut) {
  LSTM lstm(3, 4, {.num_layers = 2, .bidirectional = true});
  const Tensor x = randn({6, 2, 3});
  const LstmResult both = lstm(x, {}, tensor<int64_t>({6, 4}, {2}));
  const LstmResult cut = lstm(slice(slice(x, 0, 0, 4), 1, 1, 1));
  const auto a = select(slice(both.output, 0, 0, 4), 1, 1).to_vector<float>(),
             b = cut.output.to_vector<float>();
  for (size_t i = 0; i < b.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6);
  const auto h = select(both.h, 1, 1).to_vector<float>(), h_cut = cut.h.to_vector<float>();
  for (size_t i = 0; i < h_cut.size(); ++i) EXPECT_NEAR(h[i], h_cut[i], 1e-6);
  for (float v : select(slice(both.output, 0, 4, 2), 1, 1).to_vector<float>()) EXPECT_EQ(v, 0);
}

TEST(Layers, CausalAttentionDoesNotSeeLaterKeys) {
  MultiheadAttention layer(8, 2, {.batch_first = true});
  const Tensor x = randn({1, 4, 8}), changed = cat({slice(x, 1, 0, 3), randn({1, 1, 8})}, 1);
  const auto a = slice(layer(x, x, x, {.causal = true}), 1, 0, 3).to_vector<float>();
  const auto b =
      slice(layer(changed, changed, changed, {.causal = true}), 1, 0, 3).to_vector<float>();
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6);
}

TEST(Layers, TransformerLayersKeepShapesAndNames) {
  TransformerEncoderLayer encoder(16, 4, {.dim_feedforward = 32, .batch_first = true});
  TransformerDecoderLayer decoder(16, 4, {.dim_feedforward = 32, .norm_first = true});
  EXPECT_EQ(names_of(encoder.named_parameters())[0], "self_attn.in_proj_weight");
  EXPECT_EQ(encoder(randn({2, 5, 16})).shape(), (Shape{2, 5, 16}));
  EXPECT_EQ(decoder(randn({5, 2, 16}), randn({3, 2, 16})).shape(), (Shape{5, 2, 16}));
}

}  // namespace cairn::nn
