#include <algorithm>

#include "cairn/tasks/image_gan/task.h"

namespace cairn::tasks::image_gan {
namespace {

void check_together(const Options& o, int64_t images) {
  const bool wgan = o.model == "wgan-gp";
  o.loss.require(!wgan || o.loss == "wasserstein",
                 "the model wgan-gp has the loss wasserstein; for {} take dcgan", *o.loss);
  o.norm.require(
      !wgan || !(o.norm == "batch"),
      "batch: the gradient penalty is of each image, batch normalisation mixes them; use "
      "none or spectral");
  o.batch.require(o.batch > 1, "1: batch normalisation needs at least two images to compare");
  o.batch.require(o.batch <= images,
                  "'{}' has {} images, fewer than one batch of {}; use {} or less", *o.data, images,
                  *o.batch, images);
  o.conditional.require(!o.conditional || o.num_classes() > 1,
                        "'{}' has no labels to tell images by ({} class); train without it",
                        *o.data, o.num_classes());
}

}  // namespace

void fill_recipe(Options& o, const data::ImageDataset& set) {
  train::note_counts(o, counts_of(set));
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
