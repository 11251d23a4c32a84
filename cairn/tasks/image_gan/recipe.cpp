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

void fill_recipe(Options& o, const data::ImageDataset& set) {
  o.note(set), o.fill_usual(), o.lr_discriminator.fill(o.lr);
  // Without it a projected label makes the discriminator so sure of itself that the samples of a
  // class become all alike.
  o.r1.fill(o.conditional && o.model == "dcgan" ? 1 : 0);
  check_together(o, set.size());
  models::check_gan_image(set.shape().height, set.shape().width);
  train::fill_length(o, set.size() / o.batch / o.critic_steps);
  o.sample_every.fill(std::max<int64_t>(50, o.steps / 20));
}

}  // namespace cairn::tasks::image_gan
