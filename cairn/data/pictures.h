// Pictures in memory, without labels: what a network drew, or was asked to look at.
#pragma once
#include "cairn/data/dataset.h"
#include "cairn/io/image.h"

namespace cairn::data {

// Pixels, count x channels x height x width.
struct Pictures {
  ImageShape shape;
  std::vector<uint8_t> pixels;
  int64_t count() const { return static_cast<int64_t>(pixels.size()) / shape.size(); }
};
io::Image grid_of(const Pictures& pictures, int columns);
uint8_t pixel_of(float value);  // [-1, 1] -> 0 ... 255

// Of a .npy file: u8 [N, C, H, W] or [N, H, W], or floats in [-1, 1]. Throws Error naming the file
// when they are of another shape, or no such values.
Pictures read_npy_pictures(const std::string& path, const ImageShape& shape);

// At most `count` of a data set, evenly spread.
ImageDatasetPtr evenly_chosen(const ImageDatasetPtr& set, int64_t count);

}  // namespace cairn::data
