// How much pictures differ from each other.
#pragma once
#include "cairn/data/pictures.h"

namespace cairn::metrics {

// The square root of the mean variance of a pixel. 0: all the same.
double spread(const data::Pictures& pictures);
// Of the images of each class, or with `together` of all, as one number.
std::vector<double> spreads_of(const data::ImageDataset& set, bool together);

}  // namespace cairn::metrics
