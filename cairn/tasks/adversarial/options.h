// Options of every adversarial training, whatever the two networks draw. Usual values are those of
// the option `model`, where a task has one: "wgan-gp" is Gulrajani et al. 2017, all others what
// suits a DCGAN (Radford et al. 2016).
#pragma once
#include "cairn/nn/adversarial.h"
#include "cairn/tasks/adversarial/training.h"
#include "cairn/train/run_options.h"

namespace cairn::tasks::adversarial {

template <class T>
train::ByModel<T> wgan_gp_or(T of_wgan_gp, T of_others) {
  return {{"wgan-gp", of_wgan_gp}, {"", of_others}};
}

struct Options : train::RunOptions {
  Options() { group("Training"); }
  train::Option<int64_t> batch{this, "batch", 64, train::whole(1, train::kLargestBatch),
                               "Examples a step"};
  train::Option<bool> conditional{this, "conditional", false,
                                  "Learn to make what a label asks for"};
  train::Option<int64_t> z{this, "z", 64, train::whole(1, 65536),
                           "Numbers of noise that a sample is made from"};
  train::Option<int64_t> critic_steps{this, "critic_steps", wgan_gp_or<int64_t>(5, 1),
                                      train::whole(1, 65536),
                                      "Updates of the discriminator for each of the generator"};
  train::Option<int64_t> sample_every{this, "sample_every", train::Open{"a 20th of all"},
                                      train::whole(1, train::kMostSteps), "Steps between samples"};
  train::Option<std::string> loss{this, "loss",
                                  wgan_gp_or<std::string>("wasserstein", "non-saturating"),
                                  train::one_of(nn::gan_loss_names()), "Loss of the two"};
  train::Option<std::string> norm{this, "norm", wgan_gp_or<std::string>("none", "batch"),
                                  train::one_of({"none", "batch", "spectral"}),
                                  "Normalisation in the discriminator"};
  train::Option<double> lr{this,
                           "lr",
                           wgan_gp_or(2e-4, 4e-4),
                           train::positive(),
                           "Learning rate of Adam",
                           train::Use::changeable};
  train::Option<double> lr_discriminator{this,
                                         "lr_discriminator",
                                         train::Open{"as --lr"},
                                         train::positive(),
                                         "Of the discriminator",
                                         train::Use::changeable};
  train::Option<std::vector<double>> betas{this, "betas",
                                           wgan_gp_or<std::vector<double>>({0, 0.9}, {0.5, 0.999}),
                                           train::two_between(0, 0.999999), "Of Adam"};
  train::Option<double> r1{this, "r1", train::Open{"1 where conditional and no wgan-gp, else 0"},
                           train::between(0, 1e9), "Weight of the penalty R1; 0: none"};
  train::Option<double> gradient_penalty{this, "gradient_penalty", wgan_gp_or(10., 0.),
                                         train::between(0, 1e9),
                                         "Weight of WGAN-GP's penalty; 0: none"};
  train::Option<double> ema{this, "ema", 0.999, train::between(0, 0.9999999),
                            "Decay of the generator's averaged weights"};

  TrainingOptions training() const;
};

// Fills what is still open for so many examples of so many classes: usual values, how long, how
// often samples are made. Throws InvalidOption for what does not belong together.
void fill_usual(Options& options, int64_t examples, int64_t classes);

}  // namespace cairn::tasks::adversarial
