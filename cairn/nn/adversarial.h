// Losses of a generator and a discriminator, and penalties on the discriminator's slope. Scores are
// what the discriminator gives before any sigmoid, of any shape; every loss is a mean over them.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cairn/tensor/tensor.h"

namespace cairn::nn {

// What each player lowers, r a score of a real image and f one of a generated image:
//   minimax        D softplus(-r) + softplus(f)          G -softplus(f)      Goodfellow et al. 2014
//   non_saturating D the same                            G softplus(-f)      there, section 3
//   least_squares  D ((r - 1)^2 + f^2) / 2               G (f - 1)^2 / 2     Mao et al. 2017
//   hinge          D relu(1 - r) + relu(1 + f)           G -f                Lim & Ye 2017
//   wasserstein    D f - r                               G -f                Arjovsky et al. 2017
//   relativistic   D softplus(f - r), of pairs           G softplus(r - f)   Jolicoeur-Martineau
//   2018
// Minimax gives a generator almost no gradient where the discriminator is sure; the others do.
enum class GanLoss { minimax, non_saturating, least_squares, hinge, wasserstein, relativistic };
const std::vector<std::string>& gan_loss_names();     // "minimax", "non-saturating", ...
GanLoss gan_loss_from_name(const std::string& name);  // throws InvalidOption, naming the nearest
const std::string& name_of(GanLoss loss);
bool scores_tell(GanLoss loss);  // a score above the middle means "real", whatever the others are

Tensor discriminator_loss(GanLoss loss, const Tensor& real, const Tensor& fake);  // []
// []. `real`: scores of as many real images, which the relativistic loss alone looks at.
Tensor generator_loss(GanLoss loss, const Tensor& fake, const Tensor& real = {});

// Images [N, ...] -> scores [N].
using Critic = std::function<Tensor(const Tensor& images)>;

// mean((|d critic(mix) / d mix| - 1)^2) for mix = eps real + (1 - eps) fake, eps [N, 1, 1, 1]:
// times 10, the penalty of WGAN-GP (Gulrajani et al. 2017).
Tensor gradient_penalty(const Critic& critic, const Tensor& real, const Tensor& fake,
                        const Tensor& eps);

// mean(|d critic(real) / d real|^2): times gamma / 2, the penalty R1 of Mescheder et al. 2018.
Tensor r1_penalty(const Critic& critic, const Tensor& real);

}  // namespace cairn::nn
