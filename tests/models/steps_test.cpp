// Whole training steps against PyTorch's, from the same weights: tools/dump_steps.py wrote the
// files.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/io/safetensors.h"
#include "cairn/models/detector.h"
#include "cairn/models/forecast.h"
#include "cairn/models/models.h"
#include "cairn/models/music_gan.h"
#include "cairn/ops/context.h"
#include "cairn/ops/ctc.h"
#include "cairn/optim/optim.h"

namespace cairn {
namespace {

using nn::gradient_penalty;
using Step = std::function<Tensor()>;

class Dump {
 public:
  explicit Dump(const std::string& name)
      : file_(std::string(CAIRN_SOURCE_DIR) + "/tests/train/data/" + name + ".safetensors") {}

  Tensor operator[](const std::string& name) const {
    const io::NamedTensor& t = file_.at(name);
    return from_host(t.data.data(), t.shape, t.dtype);
  }
  Tensor real(const std::string& name) const { return cast((*this)["in." + name], DType::f32); }
  Tensor ids(const std::string& name) const { return cast((*this)["in." + name], DType::i64); }
  // Weights of one network: "start.d.net.0.weight" under "start.d." is "net.0.weight".
  NamedTensors weights(const std::string& prefix) const {
    NamedTensors all;
    for (const io::NamedTensor& t : file_.tensors())
      if (t.name.starts_with(prefix))
        all.emplace_back(t.name.substr(prefix.size()), (*this)[t.name]);
    return all;
  }
  bool has(const std::string& prefix) const { return !weights(prefix).empty(); }

 private:
  io::SafetensorsFile file_;
};

// Adding a number to all scores changes no softmax: the gradient of the keys' bias is zero, and of
// the last biases where the softmax runs over positions. What Adam makes of rounding noise in place
// of zero is arbitrary.
bool is_key_bias(const std::string& name) { return name.ends_with("kv.bias"); }
bool has_no_gradient(const std::string& name, bool over_positions) {
  return over_positions && (name == "span.bias" || name == "norm.bias");
}

void expect_close(const Tensor& got, const Tensor& wanted, const std::string& name) {
  const auto host = [&](Tensor t) {
    if (is_key_bias(name)) t = slice(t, 0, t.numel() / 2, t.numel() / 2);
    return cast(t, DType::f64).to_vector<double>();
  };
  const std::vector<double> a = host(got), b = host(wanted);
  ASSERT_EQ(a.size(), b.size()) << name;
  double largest = 0, off = 0;
  for (size_t i = 0; i < b.size(); ++i)
    largest = std::max(largest, std::abs(b[i])), off = std::max(off, std::abs(a[i] - b[i]));
  EXPECT_LE(off, 1e-4 * largest + 1e-7) << name << ": off by " << off << " of " << largest;
}

void expect_weights(const nn::Module& net, const Dump& dump, const std::string& prefix) {
  std::map<std::string, Tensor> got;
  for (const auto& [name, t] : net.state_dict()) got[name] = t;
  for (const auto& [name, wanted] : dump.weights(prefix)) {
    ASSERT_TRUE(got.count(name)) << name;
    if (has_no_gradient(name, got.count("span.bias") > 0)) continue;
    expect_close(got[name], wanted, name);
  }
}

struct Net {
  std::string prefix;  // "" or "d."
  nn::Module module;
};

void run(const Dump& dump, const std::vector<Net>& nets, const Step& eager, bool compiled) {
  auto replayed = compile([&]() -> Tensor { return eager(); });
  const Step step = compiled ? Step([&] { return replayed(); }) : eager;
  const std::vector<float> losses = dump["losses"].to_vector<float>();
  for (size_t i = 0; i < losses.size(); ++i) {
    EXPECT_NEAR(step().item(), losses[i], 1e-4 * std::abs(losses[i])) << "loss of step " << i + 1;
    for (const Net& net : nets)
      if (i == 0 && dump.has("one." + net.prefix))
        expect_weights(net.module, dump, "one." + net.prefix);
  }
  for (const Net& net : nets) expect_weights(net.module, dump, "five." + net.prefix);
}

optim::SgdOptions sgd() { return {.lr = 0.05, .momentum = 0.9, .weight_decay = 5e-4}; }
optim::AdamOptions gan_adam() { return {.lr = 2e-4, .betas = {0.5, 0.999}}; }

// Loss, gradient and update of one network.
template <class Optimizer, class Options, class Loss>
void run_supervised(const Dump& dump, nn::Module net, bool compiled, const Options& options,
                    const Loss& loss) {
  net.load_state_dict(dump.weights("start."));
  Optimizer optimizer(net.parameters(), options);
  run(
      dump, {{"", net}},
      [&] {
        const Tensor l = loss();
        optimizer.step(l);
        return l;
      },
      compiled);
}

template <class M>
void run_classifier(const char* name, M net, bool adamw, bool compiled) {
  const Dump dump(name);
  const Tensor x = dump.real("x"), y = dump.ids("y");
  const auto loss = [&] { return cross_entropy(net(x), y); };
  if (adamw) run_supervised<optim::AdamW>(dump, net, compiled, optim::AdamWOptions{}, loss);
  else run_supervised<optim::SGD>(dump, net, compiled, sgd(), loss);
}

// Every token but the last predicts the next.
template <class M>
void run_language_model(const char* name, M net, bool compiled) {
  const Dump dump(name);
  const Tensor x = dump.ids("x");
  const int64_t length = x.size(1) - 1;
  const Tensor in = slice(x, 1, 0, length), target = flatten(slice(x, 1, 1, length), 0);
  run_supervised<optim::AdamW>(dump, net, compiled, optim::AdamWOptions{},
                               [&] { return cross_entropy(flatten(net(in), 0, 1), target); });
}

class Steps : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(, Steps, testing::Bool(), [](const auto& mode) {
  return std::string(mode.param ? "compiled" : "eager");
});

}  // namespace

TEST_P(Steps, Lenet) { run_classifier("lenet", models::LeNet(1, 10, 3, 8), true, GetParam()); }
TEST_P(Steps, Resnet18Cifar) {
  run_classifier("resnet18_cifar", models::ResNet18Cifar(10, 3, 1), false, GetParam());
}
TEST_P(Steps, Video3d) { run_classifier("video3d", models::VideoNet(10, 3, 1), false, GetParam()); }
TEST_P(Steps, UNet) {
  const Dump dump("unet");
  models::UNet net(3, 1);
  const Tensor x = dump.real("x"), y = dump.real("y");
  run_supervised<optim::SGD>(dump, net, GetParam(), sgd(), [&] {
    const Tensor p = sigmoid(net(x));
    const Tensor both = sum(p * y, {1, 2, 3}), all = sum(p + y, {1, 2, 3});
    return 1.0 - mean((both * 2.0 + 1.0) / (all + 1.0));
  });
}
TEST_P(Steps, LstmLm) { run_language_model("lstm_lm", models::LstmLm(40, 12), GetParam()); }
TEST_P(Steps, GptMini) { run_language_model("gpt_mini", models::Gpt(20, 8, 2, 2, 16), GetParam()); }

TEST_P(Steps, GruForecast) {
  const Dump dump("gru_forecast");
  models::GruForecast net(3, 8, 2, 4);
  const Tensor x = dump.real("x"), y = dump.real("y");
  run_supervised<optim::AdamW>(dump, net, GetParam(), optim::AdamWOptions{},
                               [&] { return mse_loss(net(x), y); });
}

TEST_P(Steps, BilstmCtc) {
  const Dump dump("bilstm_ctc");
  models::BiLstmCtc net(6, 6, 3, 7);
  const Tensor x = dump.real("x"), y = dump.ids("y"), frames = full({3}, 14, DType::i64),
               lengths = full({3}, 4, DType::i64);
  run_supervised<optim::AdamW>(dump, net, GetParam(), optim::AdamWOptions{},
                               [&] { return ctc_loss(net(x), y, frames, lengths); });
}

TEST_P(Steps, Seq2Seq) {
  const Dump dump("seq2seq");
  models::Seq2Seq net(30, 8, 2, 16, 2, 12);
  const Tensor x = dump.ids("x"), y = dump.ids("y");
  const int64_t length = y.size(1) - 1;
  const Tensor in = slice(y, 1, 0, length), target = flatten(slice(y, 1, 1, length), 0);
  run_supervised<optim::AdamW>(dump, net, GetParam(), optim::AdamWOptions{},
                               [&] { return cross_entropy(flatten(net(x, in), 0, 1), target); });
}

TEST_P(Steps, BertQa) {
  const Dump dump("bert_qa");
  models::QaEncoder net(30, 8, 2, 2, 12);
  const Tensor x = dump.ids("x"), y = dump.ids("y");
  run_supervised<optim::AdamW>(dump, net, GetParam(), optim::AdamWOptions{}, [&] {
    const Tensor s = net(x);
    return cross_entropy(select(s, 2, 0), select(y, 0, 0)) +
           cross_entropy(select(s, 2, 1), select(y, 0, 1));
  });
}

TEST_P(Steps, Dcgan32) {
  const Dump dump("dcgan32");
  models::Generator32 g(6, 2);
  models::Discriminator32 d(3);
  g.load_state_dict(dump.weights("start.g.")), d.load_state_dict(dump.weights("start.d."));
  optim::Adam opt_g(g.parameters(), gan_adam()), opt_d(d.parameters(), gan_adam());
  const Tensor real = dump.real("real"), z = dump.real("z"), one = ones({3}), zero = zeros({3});
  run(
      dump, {{"g.", g}, {"d.", d}},
      [&] {
        const Tensor fake = g(z);
        const Tensor on_real = d(real),
                     on_fake = d(fake.detach());  // in this order: running statistics
        const Tensor loss_d = binary_cross_entropy_with_logits(on_real, one) +
                              binary_cross_entropy_with_logits(on_fake, zero);
        opt_d.step(loss_d);
        opt_g.step(binary_cross_entropy_with_logits(d(fake), one));
        return loss_d;
      },
      GetParam());
}

TEST_P(Steps, WganGp32) {  // a gradient of a gradient
  const Dump dump("wgan_gp32");
  models::Generator32 g(6, 2);
  models::Discriminator32 d(3, false);
  g.load_state_dict(dump.weights("start.g.")), d.load_state_dict(dump.weights("start.d."));
  optim::Adam opt_d(d.parameters(), gan_adam());
  const Tensor real = dump.real("real"), z = dump.real("z"), eps = dump.real("eps");
  run(
      dump, {{"d.", d}},
      [&] {
        const Tensor fake = g(z).detach();
        const Tensor loss =
            mean(d(fake)) - mean(d(real)) + 10 * gradient_penalty(d, real, fake, eps);
        opt_d.step(loss);
        return loss;
      },
      GetParam());
}

TEST_P(Steps, PatchForecast) {
  const Dump dump("patch_forecast");
  const models::Forecaster net({.model = "patch",
                                .context = 16,
                                .horizon = 4,
                                .targets = 2,
                                .features = 2,
                                .patch = 4,
                                .width = 8,
                                .heads = 2,
                                .dropout = 0});
  const Tensor x = dump.real("x"), y = dump.real("y"), known = ones({3, 4, 2});
  const auto weights = dump.weights("start.");
  for (const auto& [name, t] : net.state_dict())
    for (const auto& [wanted, value] : weights)
      if (name == wanted) assign(t, cast(value, t.dtype()));
  optim::AdamW optimizer(net.parameters(), optim::AdamWOptions{});
  run(
      dump, {{"", net}},
      [&] {
        const Tensor point = net(x);
        const Tensor loss = mse_loss(point, y) + net.quantile_loss(x, point, y, known);
        optimizer.step(loss);
        return loss;
      },
      GetParam());
}

TEST_P(Steps, Detector) {
  const Dump dump("detector");
  models::Detector net(2, 1);
  const auto points = models::Detector::points(64, 32);
  const Tensor x = dump.real("x"), label = dump.ids("label"), box = dump.real("box");
  const Tensor weight = ones(label.shape());
  run_supervised<optim::SGD>(dump, net, GetParam(), optim::SgdOptions{.lr = 5e-4}, [&] {
    return models::detection_loss(net(x), label, box, weight, points);
  });
}

TEST_P(Steps, MusicGan) {  // a gradient of a gradient, through what is hard forward and soft back
  const Dump dump("music_gan");
  const models::RollGanSize size{.voices = 2, .steps = 16, .pitches = 14, .width = 4, .z = 6};
  const models::RollGenerator g(size);
  const models::RollDiscriminator d(size, models::GanNorm::none);
  g.load_state_dict(dump.weights("start.g.")), d.load_state_dict(dump.weights("start.d."));
  const optim::AdamOptions adam{.lr = 5e-4, .betas = {0, 0.9}};
  optim::Adam opt_g(g.parameters(), adam), opt_d(d.parameters(), adam);
  const Tensor real = dump.real("real"), z = dump.real("z"), eps = dump.real("eps");
  run(
      dump, {{"g.", g}, {"d.", d}},
      [&] {
        const Tensor fake = g(z), still = fake.detach();
        const Tensor loss =
            mean(d(still)) - mean(d(real)) + 10 * gradient_penalty(d, real, still, eps);
        opt_d.step(loss);
        opt_g.step(-mean(d(fake)));
        return loss;
      },
      GetParam());
}

TEST_P(Steps, Resnet50ForwardPass) {
  const Dump dump("resnet50");
  models::ResNet50 net(5, 1, {1, 2, 1, 1});
  net.load_state_dict(dump.weights("start."));
  net.eval();
  const NoGrad no_grad;
  const Tensor x = dump.real("x");
  auto forward = compile([&](Tensor in) -> Tensor { return net(in); });
  expect_close(GetParam() ? forward(x) : net(x), dump["out"], "out");
}

}  // namespace cairn
