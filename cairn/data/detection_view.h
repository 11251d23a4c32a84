// From pictures with boxes to what a detector sees: scaled, cropped, moved, mirrored, four in one;
// the boxes go with the pixels and stay floats.
#pragma once
#include "cairn/base/philox.h"
#include "cairn/data/detection_set.h"

namespace cairn::data {

// Scaled so that it just fits into width x height, its form kept: pictures of any size to one.
LabelledPicture scaled_to_fit(const LabelledPicture& picture, int width, int height);
double scale_to_fit(int from_width, int from_height, int width, int height);

// In the upper left corner of a grey picture of this size, scaled to fit.
LabelledPicture letterboxed(const LabelledPicture& picture, int width, int height);

LabelledPicture mirrored(const LabelledPicture& picture);     // left and right
LabelledPicture upside_down(const LabelledPicture& picture);  // top and bottom

// Draws the picture, `scale` times as large and its corner at (x, y), into the part `room` (whole
// pixels) of `canvas`. Boxes come along and are cut at the room's edge; those of which less than a
// fourth is left, or less than two pixels, are left out.
void lay(const LabelledPicture& picture, double scale, double x, double y, const Box& room,
         LabelledPicture& canvas);

struct ViewOptions {
  int width = 0, height = 0;  // of all views
  double mosaic = 0.5;        // part of the views that show four pictures (Bochkovskiy et al. 2020)
  double scale = 0.5;         // from 1 - scale to 1 + scale times as large
  bool flip = true, flip_vertical = false;
  double light = 0.2;  // brightness and contrast change by up to this part; the factors multiply
};
// Picture `index` of the set as it is learned from: a function of the set and of `random` alone.
// The set's pictures best fit the view (scaled_to_fit).
LabelledPicture training_view(const DetectionDataset& set, int64_t index,
                              const ViewOptions& options, PhiloxStream random);

}  // namespace cairn::data
