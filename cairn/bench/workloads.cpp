#include "cairn/bench/workloads.h"

#include "cairn/autograd/autograd.h"
#include "cairn/base/close_name.h"
#include "cairn/compile/compile.h"
#include "cairn/graph/cost.h"
#include "cairn/models/detector.h"
#include "cairn/models/forecast.h"
#include "cairn/models/models.h"
#include "cairn/models/music_gan.h"
#include "cairn/ops/context.h"
#include "cairn/ops/ctc.h"
#include "cairn/optim/optim.h"
#include "cairn/quantize/quantize.h"

namespace cairn::bench {
namespace {

using Loss = std::function<Tensor(const Tensor& x, const Tensor& y)>;

constexpr double kGiga = 1e9;

Tensor f32(const Tensor& t) { return t.dtype() == DType::f32 ? t : cast(t, DType::f32); }

// Two a multiply-add, in units of 1e9.
double gflop_of(const std::function<void()>& body) {
  return 2 * multiply_adds(trace_graph(body)) / kGiga;
}

// The step of one network: loss (in the mode's precision), gradient, update.
template <class Optimizer, class Options>
Running supervised(const Mode& mode, const nn::Module& net, const Tensor& x, const Tensor& y,
                   const Options& options, Loss loss) {
  net.train();
  auto optimizer = std::make_shared<Optimizer>(net.parameters(), options);
  auto body = [=](const Tensor& x, const Tensor& y) -> Tensor {
    Tensor l;
    {
      const AutocastScope scope(mode.products);
      l = f32(loss(x, y));
    }
    optimizer->step(l);
    return l;
  };
  const double gflop = gflop_of([&] { body(x, y); });
  auto step = std::make_shared<decltype(compile(body))>(compile(body));
  return {[=] { return (*step)(x, y).item(); }, net.num_parameters(), gflop};
}

constexpr optim::AdamWOptions kAdamW{.lr = 1e-3};
constexpr optim::SgdOptions kSgd{.lr = 0.05, .momentum = 0.9, .weight_decay = 5e-4};
constexpr optim::AdamOptions kGanAdam{.lr = 2e-4, .betas = {0.5, 0.999}};
constexpr optim::AdamOptions kWganAdam{.lr = 5e-4, .betas = {0, 0.9}};

// ---- convolution

template <class Optimizer, class M, class Options>
Running classifier(const Mode& mode, M net, const Tensor& x, const Options& options) {
  return supervised<Optimizer>(
      mode, net, x, randint(10, {x.size(0)}), options,
      [net](const Tensor& x, const Tensor& y) { return cross_entropy(f32(net(x)), y); });
}

Running lenet(const Mode& mode) {
  return classifier<optim::AdamW>(mode, models::LeNet(), randn({64, 1, 28, 28}), kAdamW);
}
Running resnet18_cifar(const Mode& mode) {
  return classifier<optim::SGD>(mode, models::ResNet18Cifar(), randn({64, 3, 32, 32}), kSgd);
}
Running video3d(const Mode& mode) {
  return classifier<optim::SGD>(mode, models::VideoNet(), randn({8, 3, 16, 64, 64}), kSgd);
}

// Pictures to masks, with the dice loss: 1 - (2 |p y| + 1) / (|p| + |y| + 1), the mean over images.
Running unet(const Mode& mode) {
  models::UNet net;
  const Tensor masks = cast(lt(rand({8, 1, 64, 64}), full({}, 0.3)), DType::f32);
  return supervised<optim::AdamW>(mode, net, randn({8, 3, 64, 64}), masks, kAdamW,
                                  [net](const Tensor& x, const Tensor& y) {
                                    const Tensor p = sigmoid(f32(net(x)));
                                    const Tensor both = sum(p * y, {1, 2, 3});
                                    const Tensor all = sum(p + y, {1, 2, 3});
                                    return 1.0 - mean((both * 2.0 + 1.0) / (all + 1.0));
                                  });
}

// Boxes of three classes; a point in thirty has an object.
Running detector(const Mode& mode) {
  constexpr int64_t kCount = 8, kHeight = 320, kWidth = 416, kClasses = 3;
  models::Detector net(kClasses);
  const auto points = models::Detector::points(kHeight, kWidth);
  const Shape places{kCount, static_cast<int64_t>(points.size())};
  const Tensor here = lt(rand(places), full({}, 1.0 / 30)), kinds = randint(kClasses, places);
  const Tensor label = where(here, kinds, full(places, kClasses, DType::i64));
  const Tensor corner = rand({places[0], places[1], 2}) * 280.0;
  const Tensor box = cat({corner, corner + 10.0 + rand(corner.shape()) * 100.0}, 2);
  const Tensor weight = ones(places);
  return supervised<optim::AdamW>(mode, net, randn({kCount, 3, kHeight, kWidth}), label, kAdamW,
                                  [=](const Tensor& x, const Tensor& y) {
                                    return models::detection_loss(f32(net(x)), y, box, weight,
                                                                  points);
                                  });
}

// ---- recurrence

// Every token but the last predicts the next: logits [N, T, vocab] of tokens [N, T + 1].
template <class M>
Running language_model(const Mode& mode, M net, const Tensor& tokens) {
  const int64_t length = tokens.size(1) - 1;
  return supervised<optim::AdamW>(mode, net, contiguous(slice(tokens, 1, 0, length)),
                                  contiguous(slice(tokens, 1, 1, length)), kAdamW,
                                  [net](const Tensor& x, const Tensor& y) {
                                    return cross_entropy(f32(flatten(net(x), 0, 1)), flatten(y, 0));
                                  });
}

Running lstm_lm(const Mode& mode) {
  return language_model(mode, models::LstmLm(), randint(10000, {32, 65}));
}

Running gru_forecast(const Mode& mode) {
  models::GruForecast net;
  return supervised<optim::AdamW>(
      mode, net, randn({32, 96, 7}), randn({32, 24, 7}), kAdamW,
      [net](const Tensor& x, const Tensor& y) { return mse_loss(f32(net(x)), y); });
}

Running bilstm_ctc(const Mode& mode) {
  models::BiLstmCtc net;
  const Tensor targets = randint(28, {16, 30}) + full({}, 1, DType::i64);  // 0 is the blank
  const Tensor frames = full({16}, 200, DType::i64), lengths = full({16}, 30, DType::i64);
  return supervised<optim::AdamW>(
      mode, net, randn({200, 16, 80}), targets, kAdamW,
      [=](const Tensor& x, const Tensor& y) { return ctc_loss(f32(net(x)), y, frames, lengths); });
}

// ---- adversarial

Tensor images() { return rand({64, 3, 32, 32}) * 2.0 - 1.0; }

// One step of the discriminator and one of the generator, through the updated discriminator.
Running dcgan32(const Mode& mode) {
  models::Generator32 g;
  models::Discriminator32 d;
  auto opt_g = std::make_shared<optim::Adam>(g.parameters(), kGanAdam),
       opt_d = std::make_shared<optim::Adam>(d.parameters(), kGanAdam);
  const Tensor real = images(), z = randn({64, 128});
  const DType products = mode.products;
  auto body = [=](const Tensor& real, const Tensor& z) -> Tensor {
    const Tensor one = ones({64}), zero = zeros({64});
    Tensor fake, on_real, on_fake, again;
    {
      const AutocastScope scope(products);
      fake = g(z);
      on_real = d(real);
      on_fake = d(fake.detach());
    }
    const Tensor loss = binary_cross_entropy_with_logits(f32(on_real), one) +
                        binary_cross_entropy_with_logits(f32(on_fake), zero);
    opt_d->step(loss);
    {
      const AutocastScope scope(products);
      again = d(fake);
    }
    opt_g->step(binary_cross_entropy_with_logits(f32(again), one));
    return loss;
  };
  const double gflop = gflop_of([&] { body(real, z); });
  auto step = std::make_shared<decltype(compile(body))>(compile(body));
  return {[=] { return (*step)(real, z).item(); }, g.num_parameters() + d.num_parameters(), gflop};
}

// One critic step with gradient penalty: a gradient of a gradient.
Running wgan_gp32(const Mode& mode) {
  models::Generator32 g;
  models::Discriminator32 d(64, false);
  auto opt_d = std::make_shared<optim::Adam>(d.parameters(), kGanAdam);
  const Tensor real = images(), z = randn({64, 128}), eps = rand({64, 1, 1, 1});
  const DType products = mode.products;
  auto body = [=](const Tensor& real, const Tensor& z, const Tensor& eps) -> Tensor {
    Tensor loss;
    {
      const AutocastScope scope(products);
      Tensor fake;
      {
        const NoGrad no_grad;
        fake = f32(g(z));
      }
      const Tensor penalty = nn::gradient_penalty(d, real, fake, eps);
      const Tensor on_fake = mean(f32(d(fake))), on_real = mean(f32(d(real)));
      loss = on_fake - on_real + f32(penalty) * 10.0;
    }
    opt_d->step(loss);
    return loss;
  };
  const double gflop = gflop_of([&] { body(real, z, eps); });
  auto step = std::make_shared<decltype(compile(body))>(compile(body));
  return {[=] { return (*step)(real, z, eps).item(); }, g.num_parameters() + d.num_parameters(),
          gflop};
}

// A step of the critic, with the penalty on its slope, and one of the generator through the updated
// critic: `cairn train music-gan` with its usual sizes.
Running music_gan(const Mode& mode) {
  const models::RollGanSize size{.width = 96};
  const models::RollGenerator g(size);
  const models::RollDiscriminator d(size, models::GanNorm::none);
  auto opt_g = std::make_shared<optim::Adam>(g.parameters(), kWganAdam),
       opt_d = std::make_shared<optim::Adam>(d.parameters(), kWganAdam);
  const Tensor real = one_hot(randint(size.pitches, {32, size.voices, size.steps}), size.pitches),
               z = randn({32, size.z}), eps = rand({32, 1, 1, 1});
  const DType products = mode.products;
  auto body = [=](const Tensor& real, const Tensor& z, const Tensor& eps) -> Tensor {
    Tensor fake, loss, again;
    {
      const AutocastScope scope(products);
      fake = f32(g(z));
      const Tensor still = fake.detach();
      loss = mean(f32(d(still))) - mean(f32(d(real))) +
             f32(nn::gradient_penalty(d, real, still, eps)) * 10.0;
    }
    opt_d->step(loss);
    {
      const AutocastScope scope(products);
      again = f32(d(fake));
    }
    opt_g->step(-mean(again));
    return loss;
  };
  const double gflop = gflop_of([&] { body(real, z, eps); });
  auto step = std::make_shared<decltype(compile(body))>(compile(body));
  return {[=] { return (*step)(real, z, eps).item(); }, g.num_parameters() + d.num_parameters(),
          gflop};
}

// ---- attention

Running gpt_mini(const Mode& mode) {
  return language_model(mode, models::Gpt(65, 384, 6, 6, 256), randint(65, {12, 257}));
}

Running seq2seq(const Mode& mode) {
  models::Seq2Seq net;
  const Tensor target = randint(8000, {64, 33});
  return supervised<optim::AdamW>(
      mode, net, randint(8000, {64, 32}), target, kAdamW, [net](const Tensor& x, const Tensor& y) {
        const int64_t length = y.size(1) - 1;
        const Tensor logits = net(x, slice(y, 1, 0, length));
        return cross_entropy(f32(flatten(logits, 0, 1)), flatten(slice(y, 1, 1, length), 0));
      });
}

Running bert_qa(const Mode& mode) {
  models::QaEncoder net;
  return supervised<optim::AdamW>(mode, net, randint(16000, {16, 256}), randint(256, {2, 16}),
                                  kAdamW, [net](const Tensor& x, const Tensor& y) {
                                    const Tensor scores = f32(net(x));
                                    return cross_entropy(select(scores, 2, 0), select(y, 0, 0)) +
                                           cross_entropy(select(scores, 2, 1), select(y, 0, 1));
                                  });
}

// `cairn train forecast --model patch` with its usual sizes, on seven series.
Running patch_forecast(const Mode& mode) {
  const models::Forecaster net({.model = "patch", .targets = 7, .features = 7, .dropout = 0});
  const Tensor known = ones({32, 96, 7});
  return supervised<optim::AdamW>(mode, net, randn({32, 512, 7}), randn({32, 96, 7}), kAdamW,
                                  [=](const Tensor& x, const Tensor& y) {
                                    const Tensor point = f32(net(x));
                                    return mse_loss(point, y) +
                                           net.quantile_loss(x, point, y, known);
                                  });
}

// ---- inference

Running forward_pass(const Mode& mode, const nn::AnyModule& net, int64_t params, double gflop,
                     const Tensor& x) {
  auto body = [=](const Tensor& x) -> Tensor {
    const NoGrad no_grad;
    const AutocastScope scope(mode.products);
    return sum(f32((*net)(x)));
  };
  auto step = std::make_shared<decltype(compile(body))>(compile(body));
  return {[=] { return (*step)(x).item(); }, params, gflop};
}

// In 8 bits it is calibrated on noise like the input.
Running inference(const Mode& mode, const nn::AnyModule& net, const Tensor& x) {
  (*net).eval();
  const int64_t params = (*net).num_parameters();
  const double gflop = gflop_of([&] {
    const NoGrad no_grad;
    (*net)(x);
  });
  if (!mode.int8) return forward_pass(mode, net, params, gflop, x);
  Tensors batches;
  for (int i = 0; i < 4; ++i) batches.push_back(randn({1, x.size(1), x.size(2), x.size(3)}));
  const quantize::QuantizedNetwork quantized(net, quantize::quantize(net, batches));
  return forward_pass(mode, quantized, params, gflop, x);
}

Running lenet_infer_b1(const Mode& mode) {
  return inference(mode, models::LeNet(), randn({1, 1, 28, 28}));
}
Running resnet50_infer_b1(const Mode& mode) {
  return inference(mode, models::ResNet50(), randn({1, 3, 224, 224}));
}
Running resnet50_infer_b16(const Mode& mode) {
  return inference(mode, models::ResNet50(), randn({16, 3, 224, 224}));
}

// A prompt of 128 tokens, then greedy ones up to 64, one at a time over a cache of keys and values.
Running gpt2_decode(const Mode& mode) {
  constexpr int64_t kPrompt = 128, kTokens = 64;
  auto net = std::make_shared<models::Gpt>(50257, 768, 12, 12, 1024);
  net->eval();
  const int64_t params = net->num_parameters();
  if (mode.int8) nn::quantize_int8(*net);
  const auto caches = net->make_caches(1, kPrompt + kTokens);
  // Tokens [1, T] at position `start` -> the next token [1, 1], its position, the sum of the
  // logits.
  auto body = [=](const Tensor& tokens, const Tensor& start) -> std::tuple<Tensor, Tensor, Tensor> {
    const NoGrad no_grad;
    const AutocastScope scope(mode.products);
    const Tensor logits = f32(net->decode(tokens, start, caches));
    return {argmax(logits, 1, true),
            start + full({}, static_cast<double>(tokens.size(1)), DType::i64), sum(logits)};
  };
  const Tensor prompt = randint(50257, {1, kPrompt}), origin = zeros({}, DType::i64);
  const double gflop =
      gflop_of([&] { body(prompt, origin); }) + static_cast<double>(kTokens - 1) * gflop_of([&] {
                                                  body(zeros({1, 1}, DType::i64), origin);
                                                });
  auto step = std::make_shared<decltype(compile(body))>(compile(body));
  return {[=] {
            auto [token, position, total] = (*step)(prompt, origin);
            for (int64_t i = 1; i < kTokens; ++i)
              std::tie(token, position, total) = (*step)(token, position);
            return total.item();
          },
          params, gflop};
}

}  // namespace

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = {
      {"lenet", "64 images 28x28x1, two convolutions and two linear layers, AdamW", lenet},
      {"resnet18_cifar", "64 images 32x32x3, ResNet-18 with a 3x3 stem, SGD with momentum",
       resnet18_cifar},
      {"video3d", "8 clips 3x16x64x64, four blocks of 3-D convolution, SGD with momentum", video3d},
      {"unet", "8 images 64x64x3, a U-Net of four levels, dice loss, AdamW", unet},
      {"detector", "8 pictures 416x320x3, boxes of three classes, focal and GIoU loss, AdamW",
       detector},
      {"lstm_lm", "32 x 64 tokens of 10,000, two LSTM layers of 512, AdamW", lstm_lm},
      {"gru_forecast", "32 x 96 steps of 7 features, two GRU layers of 128, AdamW", gru_forecast},
      {"bilstm_ctc",
       "16 x 200 frames of 80 mel, three BiLSTM layers of 256, CTC over 29 labels, AdamW",
       bilstm_ctc},
      {"dcgan32", "64 images 32x32x3, a discriminator and a generator step, Adam", dcgan32},
      {"wgan_gp32", "64 images 32x32x3, one critic step with gradient penalty, Adam", wgan_gp32},
      {"music_gan", "32 phrases of 4 voices x 32 steps x 48 pitches, a WGAN-GP's two steps, Adam",
       music_gan},
      {"gpt_mini", "12 x 256 characters, 6 layers, 6 heads, 384 wide, AdamW", gpt_mini},
      {"seq2seq", "64 x 32 to 64 x 32 tokens of 8,000, 3 + 3 layers, 256 wide, AdamW", seq2seq},
      {"bert_qa", "16 x 256 tokens of 16,000, 4 layers, 256 wide, span loss, AdamW", bert_qa},
      {"patch_forecast",
       "32 x 512 rows of 7 series in patches of 16, a Transformer of 2 layers, 96 rows ahead, "
       "AdamW",
       patch_forecast},
      {"lenet_infer_b1", "one image 28x28x1, forward", lenet_infer_b1},
      {"resnet50_infer_b1", "one image 224x224x3, forward", resnet50_infer_b1},
      {"resnet50_infer_b16", "16 images 224x224x3, forward", resnet50_infer_b16},
      {"gpt2_decode", "GPT-2's 124 M parameters, a prompt of 128 tokens and 64 greedy ones",
       gpt2_decode},
  };
  return all;
}

const Workload& workload_named(const std::string& name) {
  std::vector<std::string> names;
  for (const Workload& w : workloads()) {
    if (name == w.name) return w;
    names.emplace_back(w.name);
  }
  const std::string near = close_name(name, names);
  throw UsageError(fmt::format("bench: no workload '{}'{}", name,
                               near.empty() ? "" : "; did you mean '" + near + "'?"));
}

}  // namespace cairn::bench
