#pragma once
#include "cairn/tasks/image_classification/task.h"

namespace cairn::tasks::image_classification {

// {task, split, examples, accuracy, loss, confusion[true][predicted]} of a network in evaluation
// mode.
Json measure(const nn::Module& network, const data::ImageDataset& set, data::Split split,
             const data::Normalization& normalization);

}  // namespace cairn::tasks::image_classification
