#include "cairn/data/resized_crop.h"

#include <algorithm>
#include <cmath>

#include "cairn/io/image.h"

namespace cairn::data {
namespace {

constexpr double kNarrowest = 3.0 / 4, kWidest = 4.0 / 3;

}  // namespace

CropBox draw_crop(const ImageShape& shape, float least, PhiloxStream& random) {
  constexpr int kTries = 10;
  const double area = double{1} * shape.height * shape.width;
  for (int i = 0; i < kTries; ++i) {
    const double part = area * random.uniform(least, 1);
    const double form = std::exp(random.uniform(static_cast<float>(std::log(kNarrowest)),
                                                static_cast<float>(std::log(kWidest))));
    const int width = static_cast<int>(std::lround(std::sqrt(part * form)));
    const int height = static_cast<int>(std::lround(std::sqrt(part / form)));
    if (width < 1 || height < 1 || width > shape.width || height > shape.height) continue;
    const auto place = [&](int room) {
      return static_cast<int>(random.below(static_cast<uint32_t>(room) + 1));
    };
    const int top = place(shape.height - height), left = place(shape.width - width);
    return {left, top, width, height};
  }
  const double form = double{1} * shape.width / shape.height;
  CropBox box{0, 0, shape.width, shape.height};
  if (form < kNarrowest) box.height = static_cast<int>(std::lround(shape.width / kNarrowest));
  if (form > kWidest) box.width = static_cast<int>(std::lround(shape.height * kWidest));
  box.left = (shape.width - box.width) / 2, box.top = (shape.height - box.height) / 2;
  return box;
}

void crop_and_resize(const uint8_t* in, const ImageShape& shape, const CropBox& box, uint8_t* out) {
  const size_t plane = static_cast<size_t>(shape.height) * shape.width;
  const auto channels = static_cast<size_t>(shape.channels);
  io::Image part(box.width, box.height, shape.channels);
  for (int y = 0; y < box.height; ++y)
    for (int x = 0; x < box.width; ++x)
      for (size_t c = 0; c < channels; ++c)
        part.at(x, y)[c] =
            in[c * plane + static_cast<size_t>(box.top + y) * shape.width + box.left + x];
  const io::Image whole = io::resize(part, shape.width, shape.height);
  for (size_t i = 0; i < plane; ++i)
    for (size_t c = 0; c < channels; ++c) out[c * plane + i] = whole.pixels[i * channels + c];
}

}  // namespace cairn::data
