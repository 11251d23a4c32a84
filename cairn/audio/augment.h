// Random changes of sound that a listener would hardly be misled by, for training.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "cairn/base/philox.h"

namespace cairn::audio {

// SpecAugment (Park et al., Interspeech 2019): stretches of frames and bands of features are set to
// 0, so features must have mean 0. A time mask covers at most a fifth of the clip.
struct Masks {
  int64_t time = 2, longest = 20;  // stretches, frames of each at most
  int64_t bands = 2, widest = 10;  // features of each at most
};
void mask(std::span<float> features, int64_t size, const Masks& masks, PhiloxStream& random);

// Played faster (above 1) or slower, pitch and all (Ko et al., Interspeech 2015).
std::vector<float> at_speed(std::span<const float> samples, double factor);

// White noise so many decibels below the clip's mean power; silence stays silent.
void add_noise(std::span<float> samples, double decibels_below, PhiloxStream& random);

// Each feature with mean 0 and deviation 1 over the clip; constant ones become 0.
void normalize(std::span<float> features, int64_t size);

}  // namespace cairn::audio
