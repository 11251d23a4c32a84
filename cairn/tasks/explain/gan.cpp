// gan: two networks that learn from each other.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "cairn/compile/compile.h"
#include "cairn/nn/adversarial.h"
#include "cairn/nn/linear.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/optim.h"
#include "cairn/tasks/explain/topics.h"

namespace cairn::tasks::explain {
namespace {

using namespace train::report;

constexpr int64_t kPlaces = 8, kBatch = 256, kNoise = 8;
constexpr double kRadius = 2, kSpread = 0.08;

struct Generator : nn::Module {
  nn::Linear f1 = child("f1", nn::Linear(kNoise, 96));
  nn::Linear f2 = child("f2", nn::Linear(96, 96));
  nn::Linear f3 = child("f3", nn::Linear(96, 2));
  Tensor forward(Tensor z) override { return f3(relu(f2(relu(f1(z))))); }
};
struct Discriminator : nn::Module {
  nn::Linear f1 = child("f1", nn::Linear(2, 96));
  nn::Linear f2 = child("f2", nn::Linear(96, 96));
  nn::Linear f3 = child("f3", nn::Linear(96, 1));
  Tensor forward(Tensor x) override { return f3(leaky_relu(f2(leaky_relu(f1(x), 0.2)), 0.2)); }
};

// Points around eight places on a circle, [N, 2].
Tensor real_points() {
  const Tensor angle =
      cast(randint(kPlaces, {kBatch, 1}), DType::f32) * (2 * std::numbers::pi / kPlaces);
  return cat({cos(angle), sin(angle)}, 1) * kRadius + randn({kBatch, 2}) * kSpread;
}

Series cloud(const char* name, const Tensor& points) {
  const auto xy = points.to_vector<float>();
  Series s{name, {}, {}, true};
  for (size_t i = 0; i + 1 < xy.size(); i += 2) s.x.push_back(xy[i]), s.y.push_back(xy[i + 1]);
  return s;
}

// How many of the places have at least a quarter of their share of points within 4 deviations.
int64_t places_met(const Tensor& points) {
  const auto xy = points.to_vector<float>();
  std::vector<int64_t> count(kPlaces);
  for (size_t i = 0; i + 1 < xy.size(); i += 2)
    for (int64_t p = 0; p < kPlaces; ++p) {
      const double a = 2 * std::numbers::pi * static_cast<double>(p) / kPlaces;
      if (std::hypot(xy[i] - kRadius * std::cos(a), xy[i + 1] - kRadius * std::sin(a)) <
          4 * kSpread)
        ++count[static_cast<size_t>(p)];
    }
  return std::count_if(count.begin(), count.end(),
                       [&](int64_t c) { return c >= kBatch / kPlaces / 4; });
}

}  // namespace

void gan(Page& page, double part) {
  const int64_t steps = steps_of(6000, part);
  Generator generator;
  Discriminator discriminator;
  optim::Adam of_generator(generator.parameters(), {.lr = 1e-3, .betas = {0.5, 0.9}});
  optim::Adam of_discriminator(discriminator.parameters(), {.lr = 1e-3, .betas = {0.5, 0.9}});
  auto step = compile([&](Tensor real, Tensor z) {
    const Tensor fake = generator(z).detach();
    const Tensor said_real = discriminator(real), said_fake = discriminator(fake);
    of_discriminator.step(
        nn::discriminator_loss(nn::GanLoss::non_saturating, said_real, said_fake));
    of_generator.step(nn::generator_loss(nn::GanLoss::non_saturating, discriminator(generator(z))));
    return (mean(cast(gt(said_real, 0), DType::f32)) + mean(cast(lt(said_fake, 0), DType::f32))) *
           0.5;
  });
  Series told{"told apart", {}, {}}, met{"places met", {}, {}};
  std::vector<Figure> shown;
  const Tensor fixed = randn({kBatch, kNoise});
  const int64_t each = std::max<int64_t>(1, steps / 40);
  double right = 0.5;
  for (int64_t k = 0; k <= steps; ++k) {
    if (k % each == 0 || k == steps) {
      const NoGrad no_grad;
      const Tensor drawn = generator(fixed);
      const double share = static_cast<double>(places_met(drawn)) / kPlaces;
      told.x.push_back(static_cast<double>(k)), told.y.push_back(right);
      met.x.push_back(static_cast<double>(k)), met.y.push_back(share);
      if (k == 0 || k == each * 4 || k == each * 12 || k == steps)
        shown.push_back(figure(LineChart{fmt::format("step {}", k),
                                         "",
                                         "",
                                         {cloud("data", real_points()), cloud("drawn", drawn)},
                                         0,
                                         ""}));
    }
    if (k < steps) right = step(real_points(), randn({kBatch, kNoise})).item();
  }
  page.headline(fmt::format(
      "From noise to {} of {} places in {} steps, without ever seeing a point of the data",
      std::llround(met.y.back() * kPlaces), kPlaces, steps));
  page.paragraph(
      "The data are points around eight places on a circle. The generator turns noise into points "
      "and never sees the data: it only hears from the discriminator, which learns to tell both "
      "apart, in which direction its points would look more real.");
  page.figures(shown);
  page.figures(
      charts({{{"Who wins", "step", "part", {told, met}, 0.5, "cannot be told apart"}, ""}}));
  page.paragraph(
      "A good game ends near one half: nothing is left to tell apart. A discriminator that is "
      "always "
      "right gives no direction any more; a generator that has found one place that passes may "
      "draw "
      "nothing else (collapse), until the discriminator learns that place, and it moves on. Watch "
      "how many of the eight places are met.");
}

}  // namespace cairn::tasks::explain
