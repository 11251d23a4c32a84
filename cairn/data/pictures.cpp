#include "cairn/data/pictures.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/data/picture.h"
#include "cairn/io/npy.h"

namespace cairn::data {

io::Image grid_of(const Pictures& pictures, int columns) {
  std::vector<io::Image> images;
  for (int64_t i = 0; i < pictures.count(); ++i)
    images.push_back(picture_of(&pictures.pixels[static_cast<size_t>(i * pictures.shape.size())],
                                pictures.shape));
  return io::grid(images, columns);
}

uint8_t pixel_of(float value) {
  return static_cast<uint8_t>(std::lround(std::clamp((value + 1) * 127.5f, 0.0f, 255.0f)));
}

Pictures read_npy_pictures(const std::string& path, const ImageShape& shape) {
  const io::NpyArray array = io::read_npy(path);
  Shape s = array.shape;
  if (s.ssize() == 3) s = {s[0], 1, s[1], s[2]};
  check(s.ssize() == 4 && s[1] == shape.channels && s[2] == shape.height && s[3] == shape.width,
        "'{}': shape {}; pictures of {} are wanted, [count, channels, height, width]", path,
        to_string(array.shape), to_string(shape));
  Pictures pictures{shape, {}};
  const size_t count = static_cast<size_t>(numel(s));
  if (array.dtype == DType::u8) {
    pictures.pixels.assign(array.data.begin(), array.data.end());
  } else if (array.dtype == DType::f32) {
    const float* values = reinterpret_cast<const float*>(array.data.data());
    for (size_t i = 0; i < count; ++i) {
      if (!(values[i] >= -1.001f && values[i] <= 1.001f))
        fail("'{}': value {} is {}; floats are wanted in [-1, 1]", path, i, values[i]);
      pictures.pixels.push_back(pixel_of(values[i]));
    }
  } else {
    fail("'{}': values of {}; u8 or f32 are wanted", path, name_of(array.dtype));
  }
  return pictures;
}

ImageDatasetPtr evenly_chosen(const ImageDatasetPtr& set, int64_t count) {
  count = std::min(count, set->size());
  std::vector<int64_t> places;
  for (int64_t i = 0; i < count; ++i) places.push_back(i * set->size() / count);
  return chosen(set, std::move(places));
}

}  // namespace cairn::data
