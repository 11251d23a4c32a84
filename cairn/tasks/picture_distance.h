// How far the pictures of one set are from those of another, without pairs and without a trained
// network.
#pragma once
#include <vector>

#include "cairn/io/image.h"

namespace cairn::tasks {

// Frechet distance of the two sets by features of a network with random weights, always the same
// (Naeem et al. 2020 compare so): four quarters a picture, 64 numbers each. Squares of one side.
double frechet_by_quarters(const std::vector<io::Image>& real, const std::vector<io::Image>& made);

}  // namespace cairn::tasks
