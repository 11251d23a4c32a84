// Outlines and the filled shapes that they bound, drawn by the program.
#include <algorithm>
#include <array>
#include <cmath>

#include "cairn/base/philox.h"
#include "cairn/data/picture_pairs.h"

namespace cairn::data {
namespace {

constexpr float kLine = 1.2f;  // half the width of an outline

struct Drawn {
  bool round;
  float x, y, across, down, turn;
  std::array<uint8_t, 3> colour;
};

// How far outside of its border a point lies, about in pixels; negative: inside.
float outside(const Drawn& d, float x, float y) {
  const float u = (x - d.x) * std::cos(d.turn) + (y - d.y) * std::sin(d.turn);
  const float v = (y - d.y) * std::cos(d.turn) - (x - d.x) * std::sin(d.turn);
  if (!d.round) return std::max(std::abs(u) - d.across, std::abs(v) - d.down);
  return (std::hypot(u / d.across, v / d.down) - 1) * std::min(d.across, d.down);
}

void mix(uint8_t* pixel, const std::array<uint8_t, 3>& colour, float part) {
  for (int c = 0; c < 3; ++c)
    pixel[c] = static_cast<uint8_t>(pixel[c] + part * (float(colour[c]) - pixel[c]) + 0.5f);
}

}  // namespace

PicturePair draw_outlines(uint64_t seed, int64_t index) {
  PhiloxStream random(philox_derive(seed, 0x6f75746c696e6573), static_cast<uint64_t>(index));
  constexpr int kSide = kOutlineSide;
  PicturePair pair{"", io::Image(kSide, kSide, 3, 255), io::Image(kSide, kSide, 3, 235)};
  for (int n = 2 + static_cast<int>(random.below(2)); n > 0; --n) {
    Drawn d{random.chance(0.5f),
            random.uniform(8, kSide - 8),
            random.uniform(8, kSide - 8),
            random.uniform(4, 9),
            random.uniform(4, 9),
            random.uniform(0, 3.14f),
            {}};
    for (uint8_t& c : d.colour) c = static_cast<uint8_t>(random.uniform(0, 200));
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x) {
        const float out = outside(d, float(x) + 0.5f, float(y) + 0.5f);
        const float inside = std::clamp(0.5f - out, 0.0f, 1.0f);
        mix(pair.target.at(x, y), d.colour, inside);
        // What lies behind is hidden in the outline, too.
        mix(pair.input.at(x, y), {255, 255, 255}, inside);
        mix(pair.input.at(x, y), d.colour, std::clamp(kLine - std::abs(out), 0.0f, 1.0f));
      }
  }
  return pair;
}

}  // namespace cairn::data
