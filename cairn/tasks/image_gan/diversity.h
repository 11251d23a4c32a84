// How much pictures differ from each other: the square root of the mean variance of a pixel.
#pragma once
#include "cairn/data/dataset.h"
#include "cairn/tasks/image_gan/sampler.h"

namespace cairn::tasks::image_gan {

// 0: all the same (pixels in 0 ... 1).
double spread(const Pictures& pictures);
// Of the images of each class, or with `together` of all, as one number.
std::vector<double> spreads_of(const data::ImageDataset& set, bool together);

}  // namespace cairn::tasks::image_gan
