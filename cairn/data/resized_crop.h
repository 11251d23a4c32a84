// A part of a picture, sized up to the whole (Szegedy et al. 2015): what is shown is nearer, and
// slightly of another form. The part is drawn as torchvision's RandomResizedCrop draws it.
#pragma once
#include "cairn/base/philox.h"
#include "cairn/data/dataset.h"
#include "cairn/io/image.h"

namespace cairn::data {

using CropBox = io::ImagePart;

// Of an area between `least` (above 0) and 1 of the picture's and a form between 3:4 and 4:3; where
// ten tries fit nowhere, the largest middle part of such a form.
CropBox draw_crop(const ImageShape& shape, float least, PhiloxStream& random);

// That part in the size of the whole; `in` and `out` [channels, height, width] must not overlap.
void crop_and_resize(const uint8_t* in, const ImageShape& shape, const CropBox& box, uint8_t* out);

}  // namespace cairn::data
