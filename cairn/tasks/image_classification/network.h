// The networks that the task offers, by name.
#pragma once
#include "cairn/tasks/image_classification/task.h"

namespace cairn::tasks::image_classification {

// Throws UsageError with the nearest name, and Error when the network cannot take images of this
// shape.
nn::AnyModule make_network(const std::string& name, const data::ImageShape& shape, int64_t classes);

// What training uses unless told otherwise; `images`: of the training split.
struct Recipe {
  std::string model;
  int64_t epochs, batch;
  double lr, weight_decay, label_smoothing, ema;
  data::Augment augment;
};
Recipe recipe_for(const std::string& model, const data::ImageDataset& dataset);

}  // namespace cairn::tasks::image_classification
