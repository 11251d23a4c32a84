#include "cairn/data/transform.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cairn/base/error.h"

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
void shift_plane(const uint8_t* in, int height, int width, int dx, int dy, bool mirror, uint8_t* out) {
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
  const float angle = about(augment.rotate_degrees) * 3.14159265f / 180, scale = 1 + about(augment.scale);
  const float shear = about(augment.shear);
  const float cosine = std::cos(angle) / scale, sine = std::sin(angle) / scale;
  return {cosine, sine + shear, about(augment.shift_pixels), -sine, cosine, about(augment.shift_pixels)};
}

float pixel_or_black(const uint8_t* plane, int height, int width, int x, int y) {
  return x >= 0 && x < width && y >= 0 && y < height ? plane[static_cast<size_t>(y) * width + x] : 0.0f;
}

void warp_plane(const uint8_t* in, int height, int width, const Affine& map, uint8_t* out) {
  const float middle_x = (static_cast<float>(width) - 1) / 2, middle_y = (static_cast<float>(height) - 1) / 2;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const float rx = static_cast<float>(x) - middle_x, ry = static_cast<float>(y) - middle_y;
      const float sx = map.ax * rx + map.bx * ry + map.cx + middle_x;
      const float sy = map.ay * rx + map.by * ry + map.cy + middle_y;
      const float left = std::floor(sx), top = std::floor(sy), fx = sx - left, fy = sy - top;
      const int ix = static_cast<int>(left), iy = static_cast<int>(top);
      const float upper = (1 - fx) * pixel_or_black(in, height, width, ix, iy) +
                          fx * pixel_or_black(in, height, width, ix + 1, iy);
      const float lower = (1 - fx) * pixel_or_black(in, height, width, ix, iy + 1) +
                          fx * pixel_or_black(in, height, width, ix + 1, iy + 1);
      *out++ = static_cast<uint8_t>((1 - fy) * upper + fy * lower + 0.5f);
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
    result.deviation.push_back(variance > 1e-6 ? static_cast<float>(std::sqrt(variance) / 255) : 1.0f);
  }
  return result;
}

void normalize_image(const uint8_t* chw, const ImageShape& shape, const Normalization& normalization, float* out) {
  const int64_t plane = int64_t{shape.height} * shape.width;
  for (int c = 0; c < shape.channels; ++c) {
    const float scale = 1 / (255 * normalization.deviation[c]);
    const float offset = -normalization.mean[c] / normalization.deviation[c];
    for (int64_t i = 0; i < plane; ++i) out[c * plane + i] = static_cast<float>(chw[c * plane + i]) * scale + offset;
  }
}

void augment_image(const uint8_t* in, const ImageShape& shape, const Augment& augment, PhiloxStream random,
                   uint8_t* out) {
  const int reach = augment.crop_padding;
  const auto shift = [&] { return static_cast<int>(random.below(2 * static_cast<uint32_t>(reach) + 1)) - reach; };
  const int dx = reach > 0 ? shift() : 0, dy = reach > 0 ? shift() : 0;
  const bool mirror = augment.flip && random.chance(0.5f);
  const bool warp = augment.geometric();
  const Affine map = warp ? draw_affine(augment, random) : Affine{};

  const size_t plane = static_cast<size_t>(shape.height) * shape.width;
  std::vector<uint8_t> warped(warp ? plane : 0);
  for (int c = 0; c < shape.channels; ++c) {
    const uint8_t* source = in + c * plane;
    if (warp) warp_plane(source, shape.height, shape.width, map, warped.data()), source = warped.data();
    shift_plane(source, shape.height, shape.width, dx, dy, mirror, out + c * plane);
  }
}

}  // namespace cairn::data
