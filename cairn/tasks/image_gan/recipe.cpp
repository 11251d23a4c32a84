#include <algorithm>

#include "cairn/tasks/image_gan/task.h"

namespace cairn::tasks::image_gan {
namespace {

void check_together(const Options& o, int64_t images) {
  if (o.model == "wgan-gp") {
    if (o.loss != "wasserstein")
      throw InvalidOption("loss", fmt::format("the model wgan-gp has the loss wasserstein; for {} "
                                              "take dcgan",
                                              *o.loss));
    if (o.norm == "batch")
      throw InvalidOption("norm",
                          "batch: the gradient penalty is of each image, batch "
                          "normalisation mixes them; use none or spectral");
  }
  if (o.batch == 1)
    throw InvalidOption("batch",
                        "1: batch normalisation needs at least two images to compare; use "
                        "a larger batch");
  if (o.batch > images)
    throw InvalidOption("batch", fmt::format("'{}' has {} images, fewer than one batch of {}; use "
                                             "{} or less",
                                             *o.data, images, *o.batch, images));
  if (o.conditional && o.classes->size() < 2)
    throw InvalidOption("conditional",
                        fmt::format("'{}' has no labels to tell images by ({} class); train "
                                    "without it",
                                    *o.data, o.classes->size()));
  if (o.betas->size() != 2)
    throw InvalidOption("betas", fmt::format("{} numbers; give two", o.betas->size()));
}

}  // namespace

data::ImageShape Options::image_shape() const {
  check(shape->size() == 3, "the configuration's shape has {} numbers, not 3", shape->size());
  const auto side = [&](size_t i) { return static_cast<int>((*shape)[i]); };
  return {side(0), side(1), side(2)};
}

models::GanSize Options::size() const {
  const data::ImageShape s = image_shape();
  return {.side = s.height, .channels = s.channels, .width = width, .z = z, .classes = labels()};
}

void fill_recipe(Options& o, const data::ImageDataset& set) {
  const auto& s = set.shape();
  o.shape.fill({s.channels, s.height, s.width});
  o.classes.fill(set.classes());
  const bool wgan = o.model == "wgan-gp";
  o.loss.fill(wgan ? "wasserstein" : "non-saturating"), o.norm.fill(wgan ? "none" : "batch");
  o.critic_steps.fill(wgan ? 5 : 1);
  o.lr.fill(wgan ? 2e-4 : 4e-4), o.lr_discriminator.fill(o.lr);
  o.betas.fill(wgan ? std::vector{0.0, 0.9} : std::vector{0.5, 0.999});
  // Without it a projected label makes the discriminator so sure of itself that the samples of a
  // class become all alike.
  o.r1.fill(o.conditional && !wgan ? 1 : 0), o.gradient_penalty.fill(wgan ? 10 : 0);
  check_together(o, set.size());
  models::check_gan_image(s.height, s.width);
  train::fill_length(o, set.size() / o.batch / o.critic_steps, {}, wgan ? 3000 : 5000);
  o.sample_every.fill(std::max<int64_t>(50, o.steps / 20));
}

}  // namespace cairn::tasks::image_gan
