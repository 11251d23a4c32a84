// Brightness, contrast and saturation of a picture, each by a factor of its own, in any order
// (Krizhevsky et al. 2012; torchvision's ColorJitter without hue, on eight bits as Pillow has it).
// The factors multiply: 0 is black, one grey, no colour; 1 leaves the picture as it is.
#pragma once
#include "cairn/base/philox.h"
#include "cairn/data/dataset.h"

namespace cairn::data {

// Factors uniform in [max(0, 1 - range), 1 + range]. Changes the picture where it lies; grey ones
// have no saturation.
void jitter_colours(uint8_t* chw, const ImageShape& shape, float range, PhiloxStream& random);

}  // namespace cairn::data
