#include "cairn/data/trivial_augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

namespace cairn::data {
namespace {

using Bytes = std::vector<uint8_t>;

size_t plane_of(const ImageShape& shape) {
  return static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width);
}

// ---- where pixels come from: the nearest, black from outside

// Pixel (x, y) is read at (ax x + bx y + cx, ay x + by y + cy), all about pixels' centres.
struct Matrix {
  double ax, bx, cx, ay, by, cy;
};

// In 16.16 fixed point, as Pillow's transform(): which pixel is the nearest hangs on it.
void warp(uint8_t* chw, const ImageShape& shape, const Matrix& m) {
  const auto fixed = [](double v) { return static_cast<int64_t>(std::floor(v * 65536.0 + 0.5)); };
  const int64_t ax = fixed(m.ax), bx = fixed(m.bx), ay = fixed(m.ay), by = fixed(m.by);
  const int64_t cx = fixed(m.cx + m.ax * 0.5 + m.bx * 0.5),
                cy = fixed(m.cy + m.ay * 0.5 + m.by * 0.5);
  const Bytes in(chw, chw + shape.size());
  const size_t plane = plane_of(shape), width = static_cast<size_t>(shape.width);
  std::vector<int32_t> places(width);  // of a row, in the plane; -1: outside
  for (int64_t y = 0; y < shape.height; ++y) {
    int64_t at_x = cx + bx * y, at_y = cy + by * y;
    for (int32_t& place : places) {
      const int64_t x = at_x >> 16, from_y = at_y >> 16;
      const bool inside = x >= 0 && x < shape.width && from_y >= 0 && from_y < shape.height;
      place = inside ? static_cast<int32_t>(from_y * shape.width + x) : -1;
      at_x += ax, at_y += ay;
    }
    for (int c = 0; c < shape.channels; ++c) {
      const uint8_t* from = in.data() + c * plane;
      uint8_t* to = chw + c * plane + static_cast<size_t>(y) * width;
      for (size_t x = 0; x < width; ++x) to[x] = places[x] < 0 ? 0 : from[places[x]];
    }
  }
}

void shear_x(uint8_t* chw, const ImageShape& shape, float s) {
  warp(chw, shape, {1, s, 0, 0, 1, 0});
}
void shear_y(uint8_t* chw, const ImageShape& shape, float s) {
  warp(chw, shape, {1, 0, 0, s, 1, 0});
}
void translate_x(uint8_t* chw, const ImageShape& shape, float by) {
  warp(chw, shape, {1, 0, -std::trunc(by), 0, 1, 0});
}
void translate_y(uint8_t* chw, const ImageShape& shape, float by) {
  warp(chw, shape, {1, 0, 0, 0, 1, -std::trunc(by)});
}
// Counter-clockwise about the middle, by degrees.
void rotate(uint8_t* chw, const ImageShape& shape, float degrees) {
  constexpr double kDegree = 3.14159265358979323846 / 180, kDigits = 1e15;
  const auto rounded = [](double v) { return std::round(v * kDigits) / kDigits; };  // 90 is exact
  const double cosine = rounded(std::cos(degrees * kDegree)),
               sine = rounded(std::sin(degrees * kDegree));
  const double x = shape.width / 2.0, y = shape.height / 2.0;
  warp(chw, shape,
       {cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y});
}

// ---- what pixels become

// From `other` (factor 0) to the picture (1) and beyond it; not rounded but cut, as Pillow's blend.
void blend(uint8_t* pixels, size_t count, const uint8_t* other, size_t other_step, float strength) {
  const float factor = 1 + strength;
  for (size_t i = 0; i < count; ++i) {
    const int from = other[i * other_step], to = pixels[i];
    const float mixed = static_cast<float>(from) + factor * static_cast<float>(to - from);
    pixels[i] = static_cast<uint8_t>(std::clamp(mixed, 0.0f, 255.0f));
  }
}

// Of every pixel, by BT.601's weights in 16 bits.
Bytes greys_of(const uint8_t* chw, const ImageShape& shape) {
  const size_t plane = plane_of(shape);
  Bytes grey(chw, chw + plane);
  if (shape.channels == 3)
    for (size_t i = 0; i < plane; ++i)
      grey[i] = static_cast<uint8_t>(
          (chw[i] * 19595u + chw[plane + i] * 38470u + chw[2 * plane + i] * 7471u + 0x8000u) >> 16);
  return grey;
}

void brightness(uint8_t* chw, const ImageShape& shape, float strength) {
  const uint8_t black = 0;
  blend(chw, static_cast<size_t>(shape.size()), &black, 0, strength);
}
void colour(uint8_t* chw, const ImageShape& shape, float strength) {
  if (shape.channels == 1) return;
  const Bytes grey = greys_of(chw, shape);
  for (int c = 0; c < shape.channels; ++c)
    blend(chw + c * grey.size(), grey.size(), grey.data(), 1, strength);
}
void contrast(uint8_t* chw, const ImageShape& shape, float strength) {
  const Bytes grey = greys_of(chw, shape);
  const double sum = std::accumulate(grey.begin(), grey.end(), 0.0);
  const auto mean = static_cast<uint8_t>(sum / static_cast<double>(grey.size()) + 0.5);
  blend(chw, static_cast<size_t>(shape.size()), &mean, 0, strength);
}
// Away from, or towards, a mean of 3 x 3 pixels in which the middle one counts five times; the
// border stays.
void sharpness(uint8_t* chw, const ImageShape& shape, float strength) {
  const size_t plane = plane_of(shape);
  const int width = shape.width;
  for (int c = 0; c < shape.channels; ++c) {
    uint8_t* pixels = chw + c * plane;
    Bytes smooth(pixels, pixels + plane);
    std::vector<int> columns(static_cast<size_t>(width));  // sums of three rows
    for (int y = 1; y + 1 < shape.height; ++y) {
      const uint8_t* row = pixels + y * width;
      for (int x = 0; x < width; ++x)
        columns[static_cast<size_t>(x)] = row[x - width] + row[x] + row[x + width];
      const int* sums = columns.data();
      for (int x = 1; x + 1 < width; ++x) {
        const int sum = sums[x - 1] + sums[x] + sums[x + 1] + 4 * row[x];
        smooth[static_cast<size_t>(y * width + x)] = static_cast<uint8_t>((2 * sum + 13) / 26);
      }
    }
    blend(pixels, plane, smooth.data(), 1, strength);
  }
}

void posterize(uint8_t* chw, const ImageShape& shape, float bits) {
  const auto mask = static_cast<uint8_t>(~((1 << (8 - static_cast<int>(bits))) - 1));
  for (int64_t i = 0; i < shape.size(); ++i) chw[i] &= mask;
}
void solarize(uint8_t* chw, const ImageShape& shape, float threshold) {
  for (int64_t i = 0; i < shape.size(); ++i)
    if (static_cast<float>(chw[i]) >= threshold) chw[i] = static_cast<uint8_t>(255 - chw[i]);
}

void autocontrast(uint8_t* chw, const ImageShape& shape, float) {
  const size_t plane = plane_of(shape);
  for (int c = 0; c < shape.channels; ++c) {
    uint8_t *first = chw + c * plane, *end = first + plane;
    const auto [low, high] = std::minmax_element(first, end);
    if (*high == *low) continue;
    const double scale = 255.0 / (*high - *low), offset = -*low * scale;
    std::transform(first, end, first, [&](uint8_t v) {
      return static_cast<uint8_t>(std::clamp(static_cast<int>(v * scale + offset), 0, 255));
    });
  }
}
// Each value becomes the part of the pixels below it.
void equalize(uint8_t* chw, const ImageShape& shape, float) {
  const size_t plane = plane_of(shape);
  for (int c = 0; c < shape.channels; ++c) {
    uint8_t *first = chw + c * plane, *end = first + plane;
    std::array<uint32_t, 256> counts{};
    for (const uint8_t* p = first; p != end; ++p) ++counts[*p];
    const uint32_t brightest = counts[*std::max_element(first, end)];
    const uint32_t step = (static_cast<uint32_t>(plane) - brightest) / 255;
    if (step == 0) continue;
    std::array<uint8_t, 256> becomes;
    uint32_t below = step / 2;
    for (size_t v = 0; v < 256; below += counts[v++])
      becomes[v] = static_cast<uint8_t>(std::min(below / step, 255u));
    std::transform(first, end, first, [&](uint8_t v) { return becomes[v]; });
  }
}

void identity(uint8_t*, const ImageShape&, float) {}

constexpr Change kChanges[] = {
    {"Identity", false, 0, 0, identity},         {"ShearX", true, 0, 0.99f, shear_x},
    {"ShearY", true, 0, 0.99f, shear_y},         {"TranslateX", true, 0, 32, translate_x},
    {"TranslateY", true, 0, 32, translate_y},    {"Rotate", true, 0, 135, rotate},
    {"Brightness", true, 0, 0.99f, brightness},  {"Color", true, 0, 0.99f, colour},
    {"Contrast", true, 0, 0.99f, contrast},      {"Sharpness", true, 0, 0.99f, sharpness},
    {"Posterize", false, 8, 2, posterize},       {"Solarize", false, 255, 0, solarize},
    {"AutoContrast", false, 0, 0, autocontrast}, {"Equalize", false, 0, 0, equalize}};

}  // namespace

std::span<const Change> all_changes() { return kChanges; }

float strength_of(const Change& change, int step) {
  const float size = (change.most - change.least) / (kStrengths - 1);
  const float strength = step < kStrengths / 2
                             ? change.least + size * static_cast<float>(step)
                             : change.most - size * static_cast<float>(kStrengths - 1 - step);
  return change.apply == posterize ? std::nearbyint(strength) : strength;  // whole bits
}

void trivial_augment(uint8_t* chw, const ImageShape& shape, PhiloxStream& random) {
  const Change& change = kChanges[random.below(std::size(kChanges))];
  const float strength = strength_of(change, static_cast<int>(random.below(kStrengths)));
  const bool negative = random.chance(0.5f) && change.is_signed;
  change.apply(chw, shape, negative ? -strength : strength);
}

}  // namespace cairn::data
