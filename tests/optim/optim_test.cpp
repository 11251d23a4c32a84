#include "cairn/optim/optim.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/base/error.h"
#include "cairn/ops/functions.h"

namespace cairn::optim {
namespace {

// Three steps on sum(c * p^2) / 2 with c = (1, 3): the gradient is c p.
std::vector<float> three_steps(Optimizer& opt, const Tensor& p) {
  const Tensor c = tensor({1, 3});
  for (int i = 0; i < 3; ++i) opt.step(sum(c * square(p)) * 0.5);
  return p.to_vector<float>();
}
Tensor start() { return parameter(tensor({1, -2})); }

// The same on the host, in double: `rule` gives the new value from p, its gradient and the number
// of the step.
std::vector<double> by_hand(
    const std::function<double(double p, double g, int t, double* slots)>& rule) {
  std::vector<double> result;
  for (const auto& [c, p0] : {std::pair{1.0, 1.0}, std::pair{3.0, -2.0}}) {
    double p = p0, slots[3] = {};
    for (int t = 1; t <= 3; ++t) p = rule(p, c * p, t, slots);
    result.push_back(p);
  }
  return result;
}

void expect_near(const std::vector<float>& got, const std::vector<double>& wanted) {
  for (size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(got[i], wanted[i], 2e-6 * std::abs(wanted[i]) + 1e-7);
}

}  // namespace

TEST(Schedules, InverseSquareRoot) {
  const auto rate = inverse_sqrt(100);
  EXPECT_DOUBLE_EQ(rate(0), 0.01);
  EXPECT_DOUBLE_EQ(rate(99), 1);
  EXPECT_DOUBLE_EQ(rate(399), 0.5);
  EXPECT_THROW(inverse_sqrt(0), Error);
}

TEST(Sgd, MomentumDampeningDecay) {
  const Tensor p = start();
  SGD opt({p}, {.lr = 0.1, .momentum = 0.9, .dampening = 0.5, .weight_decay = 0.01});
  expect_near(three_steps(opt, p), by_hand([](double p, double g, int t, double* m) {
                g += 0.01 * p;
                m[0] = t == 1 ? g : 0.9 * m[0] + 0.5 * g;
                return p - 0.1 * m[0];
              }));
}

TEST(Sgd, Nesterov) {
  const Tensor p = start();
  SGD opt({p}, {.lr = 0.1, .momentum = 0.9, .nesterov = true});
  expect_near(three_steps(opt, p), by_hand([](double p, double g, int, double* m) {
                m[0] = 0.9 * m[0] + g;
                return p - 0.1 * (g + 0.9 * m[0]);
              }));
  EXPECT_THROW(SGD({start()}, {.nesterov = true}), Error);
}

TEST(Adam, CoupledAndDecoupledDecay) {
  const auto rule = [](bool decoupled) {
    return [decoupled](double p, double g, int t, double* s) {
      if (decoupled) p *= 1 - 0.01 * 0.1;
      else g += 0.1 * p;
      s[0] = 0.9 * s[0] + 0.1 * g, s[1] = 0.999 * s[1] + 0.001 * g * g;
      const double m = s[0] / (1 - std::pow(0.9, t)), v = s[1] / (1 - std::pow(0.999, t));
      return p - 0.01 * m / (std::sqrt(v) + 1e-8);
    };
  };
  const Tensor a = start(), b = start();
  Adam adam({a}, {.lr = 0.01, .weight_decay = 0.1});
  AdamW adamw({b}, {.lr = 0.01, .weight_decay = 0.1});
  expect_near(three_steps(adam, a), by_hand(rule(false)));
  expect_near(three_steps(adamw, b), by_hand(rule(true)));
}

TEST(RMSprop, CenteredWithMomentum) {
  const Tensor p = start();
  RMSprop opt({p}, {.lr = 0.01, .alpha = 0.9, .momentum = 0.5, .centered = true});
  expect_near(three_steps(opt, p), by_hand([](double p, double g, int, double* s) {
                s[0] = 0.9 * s[0] + 0.1 * g * g, s[1] = 0.9 * s[1] + 0.1 * g;
                s[2] = 0.5 * s[2] + g / (std::sqrt(s[0] - s[1] * s[1]) + 1e-8);
                return p - 0.01 * s[2];
              }));
}

TEST(Optimizer, GroupsHaveTheirOwnRates) {
  const Tensor a = start(), b = start();
  SGD opt({{{a}, {.lr = 0.1}}, {{b}, {.lr = 0.2}}});
  opt.step(sum(a) + sum(b));
  EXPECT_FLOAT_EQ(a.to_vector<float>()[0], 0.9f);
  EXPECT_FLOAT_EQ(b.to_vector<float>()[0], 0.8f);
  EXPECT_THROW(SGD({{{a}, {}}, {{a}, {}}}), Error);
}

TEST(Optimizer, RatesAndDecaysThatMeanNothingAreRefused) {
  const Tensor p = parameter(ones({2}));
  const auto refused = [&](auto make) {
    try {
      make();
    } catch (const Error& e) { return std::string(e.what()); }
    return std::string();
  };
  for (const double lr : {-1.0, double(NAN), double(INFINITY)})
    EXPECT_NE(refused([&] { SGD({p}, {.lr = lr}); }).find("learning rate"), std::string::npos);
  for (const Betas& betas : {Betas{2, 3}, Betas{0.9, 1}, Betas{-0.1, 0.9}, Betas{NAN, 0.9}}) {
    EXPECT_NE(refused([&] { Adam({p}, {.betas = betas}); }).find("Adam: betas"), std::string::npos);
    EXPECT_NE(refused([&] { AdamW({p}, {.betas = betas}); }).find("betas"), std::string::npos);
    EXPECT_NE(refused([&] { Adamax({p}, {.betas = betas}); }).find("betas"), std::string::npos);
    EXPECT_NE(refused([&] { NAdam({p}, {.betas = betas}); }).find("betas"), std::string::npos);
    EXPECT_NE(refused([&] { RAdam({p}, {.betas = betas}); }).find("betas"), std::string::npos);
  }
  AdamW({p}, {.betas = {0, 0}});
}

TEST(Optimizer, FrozenAndUnusedParametersStay) {
  Tensor a = start(), b = start(), c = start();
  b.set_requires_grad(false);
  AdamW opt({a, b, c}, {.lr = 0.1});
  opt.step(sum(a) + sum(b));
  EXPECT_NE(a.to_vector<float>()[0], 1);
  EXPECT_EQ(b.to_vector<float>()[0], 1);
  EXPECT_EQ(c.to_vector<float>()[0], 1);
  EXPECT_FALSE(a.grad().defined());
}

TEST(Optimizer, ResumesFromItsState) {
  const Tensor a = start(), b = start();
  AdamW first({a}, {.lr = 0.01}), second({b}, {.lr = 0.5});
  three_steps(first, a);
  assign(b, a);
  second.load_state_dict(first.state_dict());
  EXPECT_EQ(second.steps(), 3);
  EXPECT_EQ(three_steps(second, b), three_steps(first, a));
  SGD other({a}, {.lr = 0.01});
  EXPECT_THROW(other.load_state_dict(first.state_dict()), Error);
}

TEST(Optimizer, ClipsAllGradientsTogether) {
  const Tensor a = start(), b = start();
  SGD opt({a, b}, {.lr = 1, .clip = {.norm = 1}});
  opt.step(sum(a) * 3.0 + sum(b) * 4.0);
  EXPECT_NEAR(a.to_vector<float>()[0], 1 - 3 / std::sqrt(50.0), 1e-5);
  EXPECT_NEAR(b.to_vector<float>()[0], 1 - 4 / std::sqrt(50.0), 1e-5);
  EXPECT_EQ(clip_grad_value({tensor({-5, 0.5})}, 1)[0].to_vector<float>(),
            (std::vector<float>{-1, 0.5}));
}

TEST(Schedule, Shapes) {
  EXPECT_DOUBLE_EQ(step_decay(10, 0.5)(25), 0.25);
  EXPECT_DOUBLE_EQ(cosine(100)(50), 0.5);
  EXPECT_DOUBLE_EQ(cosine(100, 0.1)(500), 0.1);
  EXPECT_DOUBLE_EQ(warmup(10, cosine(100))(5), 0.5);
  EXPECT_DOUBLE_EQ(warmup(10, cosine(100))(10), 1);
  EXPECT_DOUBLE_EQ(milestones({5, 10})(7), 0.1);
  const Schedule cycle = one_cycle(100);
  EXPECT_NEAR(cycle(0), 1 / 25.0, 1e-12);
  EXPECT_DOUBLE_EQ(cycle(29), 1);
  EXPECT_NEAR(cycle(99), 1 / 25e4, 1e-12);
  for (const int64_t total : {1, 2, 3, 10})  // also where the rise is no whole step
    for (const double rise : {0.05, 0.1, 0.5, 0.9})
      for (int64_t step = 0; step < total; ++step) {
        const double rate = one_cycle(total, rise)(step);
        EXPECT_TRUE(rate > 0 && rate <= 1) << total << ", " << rise << ", " << step << ": " << rate;
      }
}

TEST(Schedule, SetsTheRateThatTheUpdateReads) {
  const Tensor p = start();
  SGD opt({p}, {.lr = 1});
  Scheduler schedule(opt, step_decay(1, 0.5));
  for (int i = 0; i < 3; ++i) opt.step(sum(p)), schedule.step();
  EXPECT_FLOAT_EQ(p.to_vector<float>()[0], 1 - 1.75f);
  Plateau plateau(opt, {.factor = 0.5, .patience = 1});
  EXPECT_FALSE(plateau.step(1));
  EXPECT_FALSE(plateau.step(1));
  EXPECT_TRUE(plateau.step(1));
  EXPECT_FLOAT_EQ(static_cast<float>(opt.lr()), 0.0625f);
}

TEST(Ema, FollowsAndSwaps) {
  const Tensor p = parameter(tensor({1}));
  Ema ema({p}, 0.5);
  assign(p, tensor({3}));
  ema.update();
  EXPECT_FLOAT_EQ(ema.averages()[0].to_vector<float>()[0], 2.8f);  // decay 1 / 10
  ema.swap();
  EXPECT_FLOAT_EQ(p.to_vector<float>()[0], 2.8f);
  EXPECT_FLOAT_EQ(ema.averages()[0].to_vector<float>()[0], 3);
}

TEST(Ema, ItsDecayRisesToWhatWasAskedFor) {
  const Tensor p = parameter(tensor({0}));
  Ema ema({p}, 0.5);
  for (int i = 0; i < 20; ++i) ema.update();  // 21 / 30 is above 0.5
  EXPECT_EQ(ema.updates().item(), 20);
  assign(p, tensor({1}));
  ema.update();
  EXPECT_FLOAT_EQ(ema.averages()[0].to_vector<float>()[0], 0.5f);
}

}  // namespace cairn::optim
