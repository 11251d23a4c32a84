// Resizing: rows are summed first, then along the row, in floats that are rounded once.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "cairn/base/error.h"
#include "cairn/io/image.h"

namespace cairn::io {
namespace {

// The weights with which [first, first + weights.size()) of a line make one of the new one.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

// Bilinear; wider by as much as the line shrinks.
std::vector<Taps> triangle_taps(int from, int to) {
  const double scale = static_cast<double>(from) / to, support = std::max(1.0, scale);
  std::vector<Taps> taps(to);
  for (int i = 0; i < to; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int last = std::min(from, static_cast<int>(center + support + 0.5));
    taps[i].first = first;
    double sum = 0;
    for (int p = first; p < last; ++p) {
      const double weight = std::max(0.0, 1 - std::abs((p + 0.5 - center) / support));
      taps[i].weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& weight : taps[i].weights) weight = static_cast<float>(weight / sum);
  }
  return taps;
}

// sums[i] += weight * row[i]
void add_row(float weight, const uint8_t* row, size_t count, float* sums) {
  for (size_t i = 0; i < count; ++i) sums[i] += weight * static_cast<float>(row[i]);
}

// Four values, of which a pixel of three channels uses three.
using Four = float __attribute__((vector_size(16)));

template <int kChannels>
Four pixel_at(const float* row, int x) {
  Four values{};
  if constexpr (kChannels == 1) values[0] = row[x];
  else std::memcpy(&values, row + 3 * x, sizeof values);
  return values;
}

template <int kChannels>
void sum_along(const std::vector<Taps>& taps, const float* row, uint8_t* out) {
  for (const Taps& t : taps) {
    Four sum = {0.5f, 0.5f, 0.5f, 0.5f};
    int x = t.first;
    for (const float weight : t.weights) sum += weight * pixel_at<kChannels>(row, x++);
    for (int c = 0; c < kChannels; ++c)
      *out++ = static_cast<uint8_t>(std::clamp(sum[c], 0.0f, 255.0f));
  }
}

}  // namespace

Image resize(const Image& image, int width, int height) {
  check(width > 0 && height > 0, "resize: the size {} x {} is not positive", width, height);
  if (width == image.width && height == image.height) return image;
  const auto across = triangle_taps(image.width, width), down = triangle_taps(image.height, height);
  Image result(width, height, image.channels);
  const size_t stride = static_cast<size_t>(image.width) * image.channels;
  std::vector<float> sums(stride + 1);  // the last pixel of three channels is read as four
  for (int y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    int from = down[y].first;
    for (const float weight : down[y].weights)
      add_row(weight, image.at(0, from++), stride, sums.data());
    if (image.channels == 1) sum_along<1>(across, sums.data(), result.at(0, y));
    else sum_along<3>(across, sums.data(), result.at(0, y));
  }
  return result;
}

}  // namespace cairn::io
