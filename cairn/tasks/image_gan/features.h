// Pictures as a classifier sees them.
#pragma once
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/distributions.h"

namespace cairn::tasks::image_gan {

struct Looked {
  train::Features features;     // what its last layer gets
  std::vector<int64_t> labels;  // the class that it names
};
Looked look_at(const image_classification::Classifier& classifier, const data::ImageDataset& set);

}  // namespace cairn::tasks::image_gan
