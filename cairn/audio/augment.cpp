#include "cairn/audio/augment.h"

#include <algorithm>
#include <cmath>

#include "cairn/audio/resample.h"
#include "cairn/base/error.h"

namespace cairn::audio {
namespace {

struct Stretch {
  int64_t begin, end;
};
Stretch drawn(int64_t room, int64_t most, PhiloxStream& random) {
  const auto length = static_cast<int64_t>(random.below(static_cast<uint32_t>(most) + 1));
  const auto begin = static_cast<int64_t>(random.below(static_cast<uint32_t>(room - length) + 1));
  return {begin, begin + length};
}

}  // namespace

void mask(std::span<float> features, int64_t size, const Masks& masks, PhiloxStream& random) {
  const int64_t frames = static_cast<int64_t>(features.size()) / size;
  for (int64_t i = 0; i < masks.time; ++i) {
    const Stretch s = drawn(frames, std::min(masks.longest, frames / 5), random);
    std::fill(features.begin() + s.begin * size, features.begin() + s.end * size, 0.f);
  }
  for (int64_t i = 0; i < masks.bands; ++i) {
    const Stretch s = drawn(size, std::min(masks.widest, size / 2), random);
    for (int64_t t = 0; t < frames; ++t)
      std::fill(features.begin() + t * size + s.begin, features.begin() + t * size + s.end, 0.f);
  }
}

std::vector<float> at_speed(std::span<const float> samples, double factor) {
  check(factor > 0.1 && factor < 10, "speed {}; 0.1 to 10 can be played", factor);
  return resample(samples, factor, 1);
}

void add_noise(std::span<float> samples, double decibels_below, PhiloxStream& random) {
  double power = 0;
  for (const float s : samples) power += static_cast<double>(s) * s;
  power /= std::max<double>(static_cast<double>(samples.size()), 1);
  const auto level = static_cast<float>(std::sqrt(power) * std::pow(10, -decibels_below / 20));
  for (float& s : samples) s += level * random.normal();
}

void normalize(std::span<float> features, int64_t size) {
  const int64_t frames = static_cast<int64_t>(features.size()) / size;
  for (int64_t f = 0; f < size && frames > 0; ++f) {
    double sum = 0, squares = 0;
    for (int64_t t = 0; t < frames; ++t) sum += features[t * size + f];
    const double mean = sum / static_cast<double>(frames);
    for (int64_t t = 0; t < frames; ++t) {
      const double d = features[t * size + f] - mean;
      squares += d * d;
    }
    const double deviation = std::sqrt(squares / static_cast<double>(frames));
    const double scale = deviation > 1e-5 ? 1 / deviation : 0;
    for (int64_t t = 0; t < frames; ++t)
      features[t * size + f] = static_cast<float>((features[t * size + f] - mean) * scale);
  }
}

}  // namespace cairn::audio
