#include "cairn/data/transform.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <cstring>

#include "cairn/base/error.h"
#include "cairn/data/colour_jitter.h"
#include "cairn/data/resized_crop.h"
#include "cairn/data/trivial_augment.h"

namespace cairn::data {
namespace {

struct Sums {
  uint64_t sum = 0, squares = 0;
};

Sums sums_of(const uint8_t* values, int64_t count) {
  Sums total;
  constexpr int64_t kBlock = 1 << 14;  // 32-bit sums of this many squares cannot overflow
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    uint32_t sum = 0, squares = 0;
    for (int64_t i = begin; i < std::min(count, begin + kBlock); ++i)
      sum += values[i], squares += uint32_t{values[i]} * values[i];
    total.sum += sum, total.squares += squares;
  }
  return total;
}

// One plane shifted by (dx, dy), mirrored first when asked; what comes from outside is black.
void shift_plane(const uint8_t* in, int height, int width, int dx, int dy, bool mirror,
                 uint8_t* out) {
  for (int y = 0; y < height; ++y) {
    uint8_t* row = out + static_cast<size_t>(y) * width;
    const int from = y + dy;
    std::memset(row, 0, static_cast<size_t>(width));
    if (from < 0 || from >= height) continue;
    const uint8_t* source = in + static_cast<size_t>(from) * width;
    const int begin = std::max(0, -dx), end = std::min(width, width - dx);
    for (int x = begin; x < end; ++x) row[x] = source[mirror ? width - 1 - (x + dx) : x + dx];
  }
}

// Output pixel (x, y) is read at (ax * x + bx * y + cx, ay * x + by * y + cy), about the centre.
struct Affine {
  float ax, bx, cx, ay, by, cy;
};

Affine draw_affine(const Augment& augment, PhiloxStream& random) {
  const auto about = [&](float range) { return random.uniform(-range, range); };
  const float angle = about(augment.rotate_degrees) * 3.14159265f / 180,
              scale = 1 + about(augment.scale);
  const float shear = about(augment.shear);
  const float cosine = std::cos(angle) / scale, sine = std::sin(angle) / scale;
  return {cosine, sine + shear, about(augment.shift_pixels),
          -sine,  cosine,       about(augment.shift_pixels)};
}

// Bilinear. `framed` is scratch: the plane in a black frame of one pixel, so that the loop needs no
// tests at the border; truncation after adding a large whole number is a floor without a call.
void warp_plane(const uint8_t* in, int height, int width, const Affine& map,
                std::vector<uint8_t>& framed, uint8_t* out) {
  const int stride = width + 2;
  framed.assign(static_cast<size_t>(stride) * (height + 2), 0);
  for (int y = 0; y < height; ++y)
    std::memcpy(&framed[static_cast<size_t>(y + 1) * stride + 1],
                in + static_cast<size_t>(y) * width, width);

  constexpr int kFar = 1 << 12;
  const float middle_x = (static_cast<float>(width) - 1) / 2,
              middle_y = (static_cast<float>(height) - 1) / 2;
  for (int y = 0; y < height; ++y) {
    const float ry = static_cast<float>(y) - middle_y;
    const float row_x = map.bx * ry + map.cx + middle_x, row_y = map.by * ry + map.cy + middle_y;
    for (int x = 0; x < width; ++x) {
      const float rx = static_cast<float>(x) - middle_x;
      const float sx = map.ax * rx + row_x, sy = map.ay * rx + row_y;
      const int left = static_cast<int>(sx + kFar) - kFar, top = static_cast<int>(sy + kFar) - kFar;
      *out++ = 0;
      if (left < -1 || top < -1 || left >= width || top >= height) continue;
      const float fx = sx - static_cast<float>(left), fy = sy - static_cast<float>(top);
      const uint8_t* p = &framed[static_cast<size_t>(top + 1) * stride + left + 1];
      const float upper = static_cast<float>(p[0]) + fx * static_cast<float>(p[1] - p[0]);
      const float lower =
          static_cast<float>(p[stride]) + fx * static_cast<float>(p[stride + 1] - p[stride]);
      out[-1] = static_cast<uint8_t>(std::clamp(upper + fy * (lower - upper) + 0.5f, 0.0f, 255.0f));
    }
  }
}

}  // namespace

Normalization measure_normalization(const ImageDataset& dataset, int64_t sample) {
  const ImageShape shape = dataset.shape();
  const int64_t plane = int64_t{shape.height} * shape.width, size = dataset.size();
  const int64_t count = dataset.pixels() ? size : std::min(size, sample);
  check(count > 0, "'{}' has no images to measure", dataset.name());
  std::vector<Sums> totals(shape.channels);
  std::vector<uint8_t> image(static_cast<size_t>(shape.size()));
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* pixels = dataset.pixels() ? dataset.pixels() + i * shape.size() : image.data();
    if (!dataset.pixels()) dataset.image(i * size / count, image.data());
    for (int c = 0; c < shape.channels; ++c) {
      const Sums sums = sums_of(pixels + c * plane, plane);
      totals[c].sum += sums.sum, totals[c].squares += sums.squares;
    }
  }
  Normalization result;
  for (const Sums& total : totals) {
    const double n = static_cast<double>(count * plane), mean = static_cast<double>(total.sum) / n;
    const double variance = std::max(0.0, static_cast<double>(total.squares) / n - mean * mean);
    result.mean.push_back(static_cast<float>(mean / 255));
    result.deviation.push_back(variance > 1e-6 ? static_cast<float>(std::sqrt(variance) / 255)
                                               : 1.0f);
  }
  return result;
}

float brightness_of(const uint8_t* chw, const ImageShape& shape) {
  const int64_t sum = std::accumulate(chw, chw + shape.size(), int64_t{0});
  return static_cast<float>(sum) / (255 * static_cast<float>(shape.size()));
}

Brightness measure_brightness(const ImageDataset& dataset, int64_t sample) {
  const int64_t count = std::min(dataset.size(), sample);
  Brightness seen{1, 0};
  std::vector<uint8_t> image(static_cast<size_t>(dataset.shape().size()));
  for (int64_t i = 0; i < count; ++i) {
    dataset.image(i * dataset.size() / count, image.data());
    const float mean = brightness_of(image.data(), dataset.shape());
    seen = {std::min(seen.darkest, mean), std::max(seen.brightest, mean)};
  }
  return seen;
}

void normalize_image(const uint8_t* chw, const ImageShape& shape,
                     const Normalization& normalization, float* out) {
  const int64_t plane = int64_t{shape.height} * shape.width;
  for (int c = 0; c < shape.channels; ++c) {
    const float scale = 1 / (255 * normalization.deviation[c]);
    const float offset = -normalization.mean[c] / normalization.deviation[c];
    for (int64_t i = 0; i < plane; ++i)
      out[c * plane + i] = static_cast<float>(chw[c * plane + i]) * scale + offset;
  }
}

void cut_out(int side, const ImageShape& shape, PhiloxStream random, float* image) {
  const auto x = static_cast<int>(random.below(static_cast<uint32_t>(shape.width))) - side / 2,
             y = static_cast<int>(random.below(static_cast<uint32_t>(shape.height))) - side / 2;
  const int left = std::max(x, 0), right = std::min(x + side, shape.width);
  for (int c = 0; c < shape.channels; ++c)
    for (int row = std::max(y, 0); row < std::min(y + side, shape.height); ++row)
      std::fill_n(image + (int64_t{c} * shape.height + row) * shape.width + left, right - left,
                  0.0f);
}

void augment_image(const uint8_t* in, const ImageShape& shape, const Augment& augment,
                   PhiloxStream random, uint8_t* out) {
  std::vector<uint8_t> nearer;
  if (augment.resized_crop > 0) {
    nearer.resize(static_cast<size_t>(shape.size()));
    crop_and_resize(in, shape, draw_crop(shape, augment.resized_crop, random), nearer.data());
    in = nearer.data();
  }
  const int reach = augment.crop_padding;
  const auto shift = [&] {
    return static_cast<int>(random.below(2 * static_cast<uint32_t>(reach) + 1)) - reach;
  };
  const int dx = reach > 0 ? shift() : 0, dy = reach > 0 ? shift() : 0;
  const bool mirror = augment.flip && random.chance(0.5f);
  const bool warp = augment.geometric();
  const Affine map = warp ? draw_affine(augment, random) : Affine{};

  const size_t plane = static_cast<size_t>(shape.height) * shape.width;
  std::vector<uint8_t> warped(warp ? plane : 0), framed;
  for (int c = 0; c < shape.channels; ++c) {
    const uint8_t* source = in + c * plane;
    if (warp) {
      warp_plane(source, shape.height, shape.width, map, framed, warped.data());
      source = warped.data();
    }

    shift_plane(source, shape.height, shape.width, dx, dy, mirror, out + c * plane);
  }
  if (augment.jitter > 0) jitter_colours(out, shape, augment.jitter, random);
  if (augment.trivial) trivial_augment(out, shape, random);
}

}  // namespace cairn::data
