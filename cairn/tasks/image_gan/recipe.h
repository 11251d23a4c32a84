// All that a training was started with, every default chosen: what config.json says.
#pragma once
#include "cairn/models/gan.h"
#include "cairn/tasks/image_gan/task.h"

namespace cairn::tasks::image_gan {

struct Recipe {
  std::string data, model;
  int image_size;
  bool conditional;
  nn::GanLoss loss;
  models::GanNorm norm;
  int64_t steps, batch, width, z, critic_steps, sample_every, save_every;
  double lr, lr_discriminator, beta1, beta2, r1, gradient_penalty, ema;
  uint64_t seed;
  data::ImageShape shape;
  std::vector<std::string> classes;

  int64_t labels() const { return conditional ? static_cast<int64_t>(classes.size()) : 0; }
  models::GanSize size() const {
    return {.side = shape.height,
            .channels = shape.channels,
            .width = width,
            .z = z,
            .classes = labels()};
  }
};

// Throws UsageError for options that do not go together and names that are not known, Error when
// the networks cannot draw images of this shape.
Recipe recipe_for(const TrainOptions& options, const data::ImageDataset& set);

Json to_json(const Recipe& recipe);
Recipe recipe_from(const Json& config, const std::string& run);  // throws Error naming the run

}  // namespace cairn::tasks::image_gan
