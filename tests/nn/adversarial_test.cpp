#include "cairn/nn/adversarial.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/context.h"

namespace cairn::nn {
namespace {

const std::vector<double> kReal = {0.3, -2.0, 1.7, 0.9}, kFake = {-0.4, 1.2, -3.0, 0.1};
Tensor scores(const std::vector<double>& values) {
  return tensor(values, {static_cast<int64_t>(values.size())});
}
double softplus_of(double x) { return std::log1p(std::exp(x)); }
double mean_of(const std::vector<double>& x, double (*f)(double)) {
  double sum = 0;
  for (double v : x) sum += f(v);
  return sum / static_cast<double>(x.size());
}

// d f / d x by central differences, f64.
std::vector<double> slope_of(const std::function<double(const std::vector<double>&)>& f,
                             std::vector<double> x) {
  constexpr double kStep = 1e-5;
  std::vector<double> slope;
  for (double& v : x) {
    const double at = v;
    v = at + kStep;
    const double above = f(x);
    v = at - kStep;
    slope.push_back((above - f(x)) / (2 * kStep));
    v = at;
  }
  return slope;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& wanted, double bound) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], wanted[i], bound * (1 + std::abs(wanted[i]))) << i;
}

struct Expected {
  GanLoss loss;
  double (*on_real)(double), (*on_fake)(double), (*generator)(double);
};
double minus(double x) { return -x; }
double same(double x) { return x; }
const Expected kExpected[] = {
    {GanLoss::minimax, [](double r) { return softplus_of(-r); }, softplus_of,
     [](double f) { return -softplus_of(f); }},
    {GanLoss::non_saturating, [](double r) { return softplus_of(-r); }, softplus_of,
     [](double f) { return softplus_of(-f); }},
    {GanLoss::least_squares, [](double r) { return (r - 1) * (r - 1) / 2; },
     [](double f) { return f * f / 2; }, [](double f) { return (f - 1) * (f - 1) / 2; }},
    {GanLoss::hinge, [](double r) { return std::max(0.0, 1 - r); },
     [](double f) { return std::max(0.0, 1 + f); }, minus},
    {GanLoss::wasserstein, minus, same, minus},
};

}  // namespace

TEST(GanLoss, ValuesAndGradients) {
  // The relativistic one, of pairs, has a test of its own.
  ASSERT_EQ(std::size(kExpected) + 1, gan_loss_names().size());
  for (const Expected& e : kExpected) {
    SCOPED_TRACE(name_of(e.loss));
    EXPECT_EQ(gan_loss_from_name(name_of(e.loss)), e.loss);
    EXPECT_NEAR(discriminator_loss(e.loss, scores(kReal), scores(kFake)).item(),
                mean_of(kReal, e.on_real) + mean_of(kFake, e.on_fake), 1e-12);
    EXPECT_NEAR(generator_loss(e.loss, scores(kFake)).item(), mean_of(kFake, e.generator), 1e-12);

    Tensor real = scores(kReal), fake = scores(kFake);
    real.set_requires_grad(), fake.set_requires_grad();
    const Tensors d = grad({discriminator_loss(e.loss, real, fake)}, {real, fake});
    expect_near(d[0].to_vector<double>(),
                slope_of([&](const auto& x) { return mean_of(x, e.on_real); }, kReal), 1e-7);
    expect_near(d[1].to_vector<double>(),
                slope_of([&](const auto& x) { return mean_of(x, e.on_fake); }, kFake), 1e-7);
    expect_near(grad({generator_loss(e.loss, fake)}, {fake})[0].to_vector<double>(),
                slope_of([&](const auto& x) { return mean_of(x, e.generator); }, kFake), 1e-7);
  }
}

TEST(GanLoss, TheRelativisticOneIsOfPairs) {
  const GanLoss loss = gan_loss_from_name("relativistic");
  EXPECT_FALSE(scores_tell(loss));
  double of_reader = 0, of_writer = 0;
  for (size_t i = 0; i < kReal.size(); ++i) {
    of_reader += softplus_of(kFake[i] - kReal[i]) / static_cast<double>(kReal.size());
    of_writer += softplus_of(kReal[i] - kFake[i]) / static_cast<double>(kReal.size());
  }
  Tensor real = scores(kReal), fake = scores(kFake);
  real.set_requires_grad(), fake.set_requires_grad();
  EXPECT_NEAR(discriminator_loss(loss, real, fake).item(), of_reader, 1e-12);
  const Tensor generator = generator_loss(loss, fake, real);
  EXPECT_NEAR(generator.item(), of_writer, 1e-12);
  const auto wanted = slope_of(
      [&](const std::vector<double>& x) {
        double sum = 0;
        for (size_t i = 0; i < x.size(); ++i) sum += softplus_of(kReal[i] - x[i]);
        return sum / static_cast<double>(x.size());
      },
      kFake);
  expect_near(grad({generator}, {fake})[0].to_vector<double>(), wanted, 1e-7);
  EXPECT_THROW(generator_loss(loss, fake), Error);
}

TEST(GanLoss, MinimaxVanishesWhereTheDiscriminatorIsSure) {
  const auto slope = [](GanLoss loss) {
    Tensor fake = scores({-12.0});
    fake.set_requires_grad();
    return std::abs(grad({generator_loss(loss, fake)}, {fake})[0].item());
  };
  EXPECT_LT(slope(GanLoss::minimax), 1e-4);
  EXPECT_GT(slope(GanLoss::non_saturating), 0.99);
}

TEST(GanLoss, AnUnknownNameIsAnsweredWithTheNearest) {
  try {
    gan_loss_from_name("hinges");
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean hinge?"), std::string::npos) << e.what();
  }
}

namespace {

// critic(x) = sum over hidden units of tanh(x w) a, in f64; a penalty's gradient in w is a second
// derivative.
struct SmallCritic {
  Tensor a = randn({4}, DType::f64);
  Critic with(const Tensor& w) const {
    return [a = a, w](const Tensor& x) { return matmul(tanh(matmul(flatten(x, 1), w)), a); };
  }
};

void expect_right_slope(const std::function<Tensor(const Tensor& w)>& penalty) {
  Tensor w = randn({6, 4}, DType::f64);
  const std::vector<double> start = w.to_vector<double>();
  w.set_requires_grad();
  const auto got = grad({penalty(w)}, {w})[0].to_vector<double>();
  const auto numeric = slope_of(
      [&](const std::vector<double>& values) {
        return penalty(tensor(values, {6, 4})).item();
      },
      start);
  expect_near(got, numeric, 1e-6);
}

}  // namespace

TEST(GradientPenalty, ValueAndSecondGradient) {
  manual_seed(3);
  const SmallCritic critic;
  const Tensor real = randn({5, 1, 2, 3}, DType::f64), fake = randn({5, 1, 2, 3}, DType::f64);
  const Tensor eps = rand({5, 1, 1, 1}, DType::f64);
  expect_right_slope(
      [&](const Tensor& w) { return gradient_penalty(critic.with(w), real, fake, eps); });

  // A linear critic has the same slope everywhere.
  const Tensor direction = tensor(std::vector<double>{3, 0, 0, 0, 0, 4}, {6, 1});
  const Critic linear = [&](const Tensor& x) { return flatten(matmul(flatten(x, 1), direction)); };
  EXPECT_NEAR(gradient_penalty(linear, real, fake, eps).item(), 16, 1e-9);  // (5 - 1)^2
}

TEST(R1Penalty, ValueAndSecondGradient) {
  manual_seed(4);
  const SmallCritic critic;
  const Tensor real = randn({5, 1, 2, 3}, DType::f64);
  expect_right_slope([&](const Tensor& w) { return r1_penalty(critic.with(w), real); });

  const Tensor direction = tensor(std::vector<double>{3, 0, 0, 0, 0, 4}, {6, 1});
  const Critic linear = [&](const Tensor& x) { return flatten(matmul(flatten(x, 1), direction)); };
  EXPECT_NEAR(r1_penalty(linear, real).item(), 25, 1e-9);
}

// ---- spectral norm (PyTorch's numbers: layers_test.cpp)

TEST(SpectralNorm, NamesAndEvaluation) {
  manual_seed(5);
  const auto conv = spectral_norm(Conv2d(2, 4, 3));
  std::vector<std::string> names;
  for (const auto& [name, t] : conv.state_dict()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"weight_orig", "bias", "weight_u", "weight_v"}));
  EXPECT_EQ(conv.parameters().size(), 2u);

  const Tensor x = randn({1, 2, 5, 5});
  const auto before = conv.weight_u.template to_vector<float>();
  conv.eval();
  const auto first = conv(x).template to_vector<float>();
  EXPECT_EQ(conv.weight_u.template to_vector<float>(), before) << "evaluation must not iterate";
  EXPECT_EQ(conv(x).template to_vector<float>(), first);
  conv.train();
  conv(x);
  EXPECT_NE(conv.weight_u.template to_vector<float>(), before);
}

TEST(SpectralNorm, TheLargestSingularValueBecomesOne) {
  manual_seed(6);
  Linear layer(3, 3, {.bias = false});
  assign(layer.weight, tensor(std::vector<float>{0, 5, 0, 2, 0, 0, 0, 0, -0.5}, {3, 3}));
  const auto normed = spectral_norm(layer);
  const NoGrad no_grad;
  for (int i = 0; i < 40; ++i) normed(eye(3));       // power iteration gains 5 / 2 a round
  const auto y = normed(eye(3)).to_vector<float>();  // the transposed weight
  const std::vector<float> wanted = {0, 0.4f, 0, 1, 0, 0, 0, 0, -0.1f};
  for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], wanted[i], 1e-6) << i;
}

TEST(SpectralNorm, AClonedLayerIsItsOwn) {
  manual_seed(7);
  struct Net : Module {
    SpectralNorm<Linear> f = child("f", spectral_norm(Linear(3, 2)));
    Tensor forward(Tensor x) override { return f(x); }
  };
  const Net net, copy = clone(net);
  const Tensor x = randn({2, 3});
  net(x), copy(x);
  EXPECT_EQ(net(x).to_vector<float>(), copy(x).to_vector<float>());
  assign(copy.f.weight, zeros({2, 3}));
  EXPECT_NE(sum(abs(net.f.weight)).item(), 0);
  EXPECT_EQ(net.state_dict()[0].first, "f.weight_orig");
}

}  // namespace cairn::nn
