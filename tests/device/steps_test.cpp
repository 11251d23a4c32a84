// Whole training steps on the fake device: what the engine asks of a device is counted, and the
// results are the processor's.
#include <gtest/gtest.h>

#include <cmath>

#include "cairn/compile/compile.h"
#include "cairn/models/models.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/optim.h"
#include "fake_device.h"

namespace cairn::testing {
namespace {

constexpr int kSteps = 4;

// A compiled step over data of its own, and the weights that it trains.
struct Training {
  std::function<Tensor()> step;
  Tensors weights;
};
using Make = Training (*)();

struct Outcome {
  std::vector<double> losses;
  std::vector<std::vector<float>> weights;
  std::vector<FakeCounts> counts;  // of each step, before its loss is read
};

Outcome train(Backend& backend, Make make) {
  const BackendScope scope(backend);
  manual_seed(1);
  const Training training = make();
  Outcome outcome;
  FakeDevice& device = FakeDevice::instance();
  for (int i = 0; i < kSteps; ++i) {
    device.reset_counts();
    const Tensor loss = training.step();
    outcome.counts.push_back(device.counts());
    outcome.losses.push_back(loss.item());
  }
  for (const Tensor& w : training.weights) outcome.weights.push_back(w.to_vector<float>());
  manual_seed(1);
  return outcome;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max<double>(largest, std::fabs(a[i] - b[i]));
  return largest;
}

// The same losses and weights as on the processor; the same work in each replay, and nothing to the
// host but the fault word, once, where an op may fail.
void expect_honest(Make make, int64_t most_kernels, int64_t most_reorders, int64_t waits) {
  const Outcome cpu = train(backend_named("cpu"), make), fake = train(FakeDevice::instance(), make);
  for (int i = 0; i < kSteps; ++i) {
    EXPECT_NEAR(fake.losses[i], cpu.losses[i], 2e-4 * std::fabs(cpu.losses[i]) + 1e-6)
        << "loss of step " << i;
    if (i == 0) continue;  // traced, compiled, weights made ready
    EXPECT_EQ(fake.counts[i].kernels, fake.counts[1].kernels) << "step " << i;
    EXPECT_EQ(fake.counts[i].bytes_to_host, 0) << "step " << i;
    EXPECT_EQ(fake.counts[i].waits, waits) << "step " << i;
  }
  EXPECT_GT(fake.counts[1].kernels, 5);
  EXPECT_LE(fake.counts[1].kernels, most_kernels);
  EXPECT_LE(fake.counts[1].reorders, most_reorders);
  ASSERT_EQ(cpu.weights.size(), fake.weights.size());
  for (size_t w = 0; w < cpu.weights.size(); ++w)
    EXPECT_LE(largest_difference(cpu.weights[w], fake.weights[w]), 2e-3) << "weight " << w;
}

template <class Optimizer, class Options, class Loss>
Training training_of(const nn::Module& net, const Options& options, Loss loss) {
  auto optimizer = std::make_shared<Optimizer>(net.parameters(), options);
  auto body = [=]() -> Tensor {
    const Tensor l = loss();
    optimizer->step(l);
    return l;
  };
  auto step = std::make_shared<decltype(compile(body))>(compile(body));
  return {[=] { return (*step)(); }, net.parameters()};
}

struct SmallNet : nn::Module {
  nn::Conv2d c1 = child("c1", nn::Conv2d(3, 6, 3, {.padding = 1}));
  nn::BatchNorm2d b1 = child("b1", nn::BatchNorm2d(6));
  nn::Conv2d c2 = child("c2", nn::Conv2d(6, 5, 3, {.stride = {2}, .padding = 1}));
  nn::Linear f = child("f", nn::Linear(5 * 2 * 2, 4));
  Tensor forward(Tensor x) override {
    x = relu(b1(c1(x)));
    x = max_pool2d(relu(c2(x)), 2);
    return f(dropout(flatten(x, 1), 0.2));
  }
};

Training conv_net() {
  SmallNet net;
  const Tensor x = randn({4, 3, 8, 8}), y = randint(4, {4});
  return training_of<optim::SGD>(
      net, optim::SgdOptions{.lr = 0.05, .momentum = 0.9, .weight_decay = 5e-4},
      [=] { return cross_entropy(net(x), y); });
}

template <class M>
Training language_model(M net, int64_t vocabulary) {
  const Tensor tokens = randint(vocabulary, {2, 7});
  const Tensor x = contiguous(slice(tokens, 1, 0, 6)),
               y = flatten(contiguous(slice(tokens, 1, 1, 6)), 0);
  return training_of<optim::AdamW>(net, optim::AdamWOptions{},
                                   [=] { return cross_entropy(flatten(net(x), 0, 1), y); });
}
Training lstm() { return language_model(models::LstmLm(20, 8), 20); }
Training gpt() { return language_model(models::Gpt(20, 8, 2, 2, 8), 20); }

Training wgan() {
  models::Generator32 g(4, 1);
  models::Discriminator32 d(2, false);
  const Tensor real = rand({2, 3, 32, 32}) * 2.0 - 1.0, z = randn({2, 4}), eps = rand({2, 1, 1, 1});
  return training_of<optim::Adam>(d, optim::AdamOptions{.lr = 2e-4, .betas = {0.5, 0.999}}, [=] {
    const Tensor fake = g(z).detach();
    return mean(d(fake)) - mean(d(real)) + 10 * nn::gradient_penalty(d, real, fake, eps);
  });
}

TEST(FakeDevice, ConvNetWithMomentum) { expect_honest(conv_net, 60, 12, 1); }
TEST(FakeDevice, LstmLanguageModel) { expect_honest(lstm, 600, 0, 1); }
TEST(FakeDevice, Gpt) { expect_honest(gpt, 200, 0, 1); }
TEST(FakeDevice, GradientPenalty) { expect_honest(wgan, 200, 60, 0); }

TEST(FakeDevice, TheHostCannotReadItsMemory) {
  const BackendScope scope(FakeDevice::instance());
  const Tensor t = tensor({1, 2, 3});
  EXPECT_DEATH(
      {
        volatile float v = *static_cast<const float*>(t.impl()->buffer->data());
        (void)v;
      },
      "");
  EXPECT_EQ(t.to_vector<float>(), (std::vector<float>{1, 2, 3}));
}

// A user's op whose kernel is plain host code: 3 x.
const OpDef& tripled() {
  static const OpDef row = [] {
    OpDef op{"device_test_tripled",
             "3 x",
             1,
             1,
             [](OpCall& c) { c.set(0, c.dtype(), c.shape()); },
             0,
             nullptr,
             "only for this test"};
    op.host_kernel = [](const OpCall& call, const Launch& launch) {
      const auto* x = static_cast<const float*>(launch.inputs[0]);
      auto* y = static_cast<float*>(launch.outputs[0]);
      for (int64_t i = 0; i < numel(call.shape()); ++i) y[i] = 3 * x[i];
    };
    return op;
  }();
  static const bool registered = (register_op(row), true);
  (void)registered;
  return row;
}

TEST(FakeDevice, MixedPrecisionKeepsToTheTypesThatADeviceMultiplies) {
  const auto product = [](Backend& device, DType low) {
    const BackendScope on(device);
    const AutocastScope mixed(product_dtype(low));
    const Tensor x = ones({2, 2});
    return matmul(x, x).dtype();
  };
  EXPECT_EQ(product(FakeDevice::instance(), DType::bf16), DType::f32);
  EXPECT_EQ(product(FakeDevice::instance(), DType::f16), DType::f16);
  EXPECT_EQ(product(backend_named("reference"), DType::bf16), DType::bf16);
}

TEST(FakeDevice, AUsersHostKernelWorksOnCopies) {
  const BackendScope scope(FakeDevice::instance());
  const Tensor x = tensor({1, 2});
  EXPECT_EQ((apply(tripled(), {x + 1.0}) * 2.0).to_vector<float>(), (std::vector<float>{12, 18}));
  auto f = compile([](Tensor t) { return apply(tripled(), {t + 1.0}) * 2.0; });
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(f(x).to_vector<float>(), (std::vector<float>{12, 18})) << "call " << i;
}

TEST(FakeDevice, AFreedValueIsPoisonedOnlyAfterItsReadersRan) {
  const BackendScope scope(FakeDevice::instance());
  Tensor x = tensor({1, 2});
  const Tensor y = x * 2.0;
  x = Tensor();  // before anything ran
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{2, 4}));
}

TEST(FakeDevice, ABadIndexInAStepNamesTheOpAndChangesNoState) {
  const BackendScope scope(FakeDevice::instance());
  Tensor w = state(full({4, 2}, 1));
  auto f = compile([&](Tensor i) {
    Tensor rows = embedding(w, i);
    assign(w, w + 1.0);
    return sum(rows);
  });
  try {
    f(tensor(std::vector<int64_t>{0, 9}, {2}));
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("embedding: index 9"), std::string::npos) << e.what();
  }
  EXPECT_EQ(w.to_vector<float>(), std::vector<float>(8, 1));
}

}  // namespace
}  // namespace cairn::testing
