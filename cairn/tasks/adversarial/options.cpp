#include "cairn/tasks/adversarial/options.h"

#include <algorithm>

namespace cairn::tasks::adversarial {
namespace {

void check_together(const Options& o, int64_t examples, int64_t classes) {
  const bool wgan = o.chosen_model() == "wgan-gp";
  o.loss.require(!wgan || o.loss == "wasserstein",
                 "the model wgan-gp has the loss wasserstein; for {} take another model", *o.loss);
  o.norm.require(!wgan || !(o.norm == "batch"),
                 "batch: the gradient penalty is of each example, batch normalisation mixes them; "
                 "use none or spectral");
  o.batch.require(o.batch > 1, "1: batch normalisation needs at least two examples to compare");
  o.batch.require(o.batch <= examples, "{} examples are fewer than one batch of {}; use {} or less",
                  examples, *o.batch, examples);
  o.conditional.require(!o.conditional || classes > 1,
                        "the data have no labels to tell examples by ({} class); train without it",
                        classes);
}

}  // namespace

TrainingOptions Options::training() const {
  return {.loss = nn::gan_loss_from_name(loss),
          .lr = lr,
          .lr_discriminator = lr_discriminator,
          .betas = {(*betas)[0], (*betas)[1]},
          .r1 = r1,
          .gradient_penalty = gradient_penalty,
          .ema = ema,
          .gradients = dist::packing_named(*gradients)};
}

void fill_usual(Options& o, int64_t examples, int64_t classes) {
  o.fill_usual(), o.lr_discriminator.fill(o.lr);
  // Without it a projected label makes the discriminator so sure of itself that the samples of a
  // class become all alike.
  o.r1.fill(o.conditional && o.chosen_model() != "wgan-gp" ? 1 : 0);
  check_together(o, examples, classes);
  train::fill_length(o, examples / o.batch / o.critic_steps);
  o.sample_every.fill(std::max<int64_t>(50, o.steps / 20));
}

}  // namespace cairn::tasks::adversarial
