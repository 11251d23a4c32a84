// Pictures with boxes that the program draws: what detection learns from without files.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "cairn/base/philox.h"
#include "cairn/data/detection_set.h"

namespace cairn::data {
namespace {

enum Shape { circle, square, star, triangle };  // in alphabetical order, as files' classes are

using Colour = std::array<float, 3>;

struct Drawn {
  Shape shape;
  double x, y, radius, turn;
  Colour colour;
};

// Whether a point, in radii from the centre and turned back, is inside.
bool inside(Shape shape, double u, double v) {
  switch (shape) {
    case circle: return u * u + v * v <= 1;
    case square: return std::max(std::abs(u), std::abs(v)) <= std::numbers::sqrt2 / 2;
    case triangle: return v <= 0.5 && v >= std::numbers::sqrt3 * std::abs(u) - 1;
    case star: {  // the border runs between radii 1 and 0.45, five times
      const double step = 2 * std::numbers::pi / 5;
      const double angle = std::abs(std::remainder(std::atan2(u, -v), step)) / (step / 2);
      return std::hypot(u, v) <= 1 + (0.45 - 1) * angle;
    }
  }
  return false;
}

std::array<double, 2> turned_back(const Drawn& d, double x, double y) {
  const double u = (x - d.x) / d.radius, v = (y - d.y) / d.radius;
  return {u * std::cos(d.turn) + v * std::sin(d.turn), v * std::cos(d.turn) - u * std::sin(d.turn)};
}

// Paints it, four points a pixel, and returns the box of the pixels that it touches.
Box paint(const Drawn& d, std::vector<float>& canvas) {
  constexpr int kWide = kShapesWidth, kHigh = kShapesHeight;
  Box box{kWide, kHigh, 0, 0};
  for (int y = 0; y < kHigh; ++y)
    for (int x = 0; x < kWide; ++x) {
      float covered = 0;
      for (const double dx : {0.25, 0.75})
        for (const double dy : {0.25, 0.75}) {
          const auto [u, v] = turned_back(d, x + dx, y + dy);
          covered += inside(d.shape, u, v) ? 0.25f : 0;
        }
      if (covered == 0) continue;
      box = {std::min<double>(box.x1, x), std::min<double>(box.y1, y),
             std::max<double>(box.x2, x + 1), std::max<double>(box.y2, y + 1)};
      float* pixel = &canvas[(static_cast<size_t>(y) * kWide + x) * 3];
      for (size_t c = 0; c < 3; ++c) pixel[c] += covered * (d.colour[c] - pixel[c]);
    }
  return box;
}

Colour draw_colour(PhiloxStream& random, float low, float high) {
  return {random.uniform(low, high), random.uniform(low, high), random.uniform(low, high)};
}

// A slope from one colour to another.
std::vector<float> draw_ground(PhiloxStream& random) {
  std::vector<float> canvas(size_t{kShapesWidth} * kShapesHeight * 3);
  const Colour from = draw_colour(random, 60, 190), to = draw_colour(random, 60, 190);
  const float angle = random.uniform(0, 6.28f);
  for (int y = 0; y < kShapesHeight; ++y)
    for (int x = 0; x < kShapesWidth; ++x) {
      const float at = 0.5f + (std::cos(angle) * (float(x) / kShapesWidth - 0.5f) +
                               std::sin(angle) * (float(y) / kShapesHeight - 0.5f)) /
                                  1.5f;
      for (size_t c = 0; c < 3; ++c)
        canvas[(static_cast<size_t>(y) * kShapesWidth + x) * 3 + c] =
            from[c] + at * (to[c] - from[c]);
    }
  return canvas;
}

// A colour that is seen on what lies there.
Drawn draw_one(PhiloxStream& random, const std::vector<float>& canvas) {
  const double radius = random.uniform(7, 22);
  Drawn d{static_cast<Shape>(random.below(4)),
          random.uniform(float(radius), float(kShapesWidth - radius)),
          random.uniform(float(radius), float(kShapesHeight - radius)),
          radius,
          random.uniform(0, 6.28f),
          {}};
  const float* ground = &canvas[(static_cast<size_t>(d.y) * kShapesWidth + size_t(d.x)) * 3];
  do {
    d.colour = draw_colour(random, 0, 255);
  } while (std::abs(d.colour[0] - ground[0]) + std::abs(d.colour[1] - ground[1]) +
               std::abs(d.colour[2] - ground[2]) <
           150);
  return d;
}

}  // namespace

std::vector<std::string> shape_names() { return {"circle", "square", "star", "triangle"}; }

LabelledPicture draw_shapes(uint64_t seed, int64_t index) {
  PhiloxStream random(philox_derive(seed, 0x736861706573), static_cast<uint64_t>(index));
  std::vector<float> canvas = draw_ground(random);
  LabelledPicture p;
  p.image = io::Image(kShapesWidth, kShapesHeight, 3);
  for (uint32_t count = random.below(5) + (random.chance(0.9f) ? 1 : 0); count > 0; --count) {
    const Drawn d = draw_one(random, canvas);
    const Box room{d.x - d.radius, d.y - d.radius, d.x + d.radius, d.y + d.radius};
    const auto hides = [&](const GroundTruth& o) {
      return intersection(o.box, room) > 0.3 * std::min(o.box.area(), room.area());
    };
    if (std::any_of(p.objects.begin(), p.objects.end(), hides)) continue;
    p.objects.push_back({.box = paint(d, canvas), .label = d.shape});
  }
  for (size_t i = 0; i < canvas.size(); ++i)
    p.image.pixels[i] =
        static_cast<uint8_t>(std::clamp(canvas[i] + 8 * random.normal() + 0.5f, 0.0f, 255.0f));
  return p;
}

}  // namespace cairn::data
