#include "cairn/nn/adversarial.h"

#include <algorithm>

#include "cairn/autograd/autograd.h"
#include "cairn/base/invalid_option.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {
namespace {

// d critic(x) / d x, one row a sample [N, rest], itself differentiable.
Tensor slope(const Critic& critic, const Tensor& at) {
  Tensor x = at.detach();
  x.set_requires_grad();
  return flatten(grad({sum(critic(x))}, {x}, {.create_graph = true})[0], 1);
}

}  // namespace

const std::vector<std::string>& gan_loss_names() {
  static const std::vector<std::string> names = {"minimax", "non-saturating", "least-squares",
                                                 "hinge",   "wasserstein",    "relativistic"};
  return names;
}

GanLoss gan_loss_from_name(const std::string& name) {
  const auto& names = gan_loss_names();
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) throw InvalidOption("loss", no_such_name(name, names));
  return static_cast<GanLoss>(it - names.begin());
}

bool scores_tell(GanLoss loss) {
  return loss != GanLoss::wasserstein && loss != GanLoss::relativistic;
}

const std::string& name_of(GanLoss loss) { return gan_loss_names()[static_cast<size_t>(loss)]; }

Tensor discriminator_loss(GanLoss loss, const Tensor& real, const Tensor& fake) {
  switch (loss) {
    case GanLoss::minimax:
    case GanLoss::non_saturating: return mean(softplus(-real)) + mean(softplus(fake));
    case GanLoss::least_squares: return (mean(square(real - 1.0)) + mean(square(fake))) * 0.5;
    case GanLoss::hinge: return mean(relu(1.0 - real)) + mean(relu(fake + 1.0));
    case GanLoss::wasserstein: return mean(fake) - mean(real);
    case GanLoss::relativistic: return mean(softplus(fake - real));
  }
  fail("discriminator_loss: no such loss");
}

Tensor generator_loss(GanLoss loss, const Tensor& fake, const Tensor& real) {
  switch (loss) {
    case GanLoss::minimax: return -mean(softplus(fake));
    case GanLoss::non_saturating: return mean(softplus(-fake));
    case GanLoss::least_squares: return mean(square(fake - 1.0)) * 0.5;
    case GanLoss::hinge:
    case GanLoss::wasserstein: return -mean(fake);
    case GanLoss::relativistic:
      check(real.defined(), "generator_loss: relativistic compares with scores of real images");
      return mean(softplus(real - fake));
  }
  fail("generator_loss: no such loss");
}

Tensor gradient_penalty(const Critic& critic, const Tensor& real, const Tensor& fake,
                        const Tensor& eps) {
  const Tensor mix = eps * real + (1.0 - eps) * fake;
  return mean(square(norm(slope(critic, mix), {1}) - 1.0));
}

Tensor r1_penalty(const Critic& critic, const Tensor& real) {
  return mean(sum(square(slope(critic, real)), {1}));
}

}  // namespace cairn::nn
