#include <algorithm>
#include <cmath>

#include "cairn/audio/resample.h"
#include "cairn/audio/sound.h"
#include "cairn/base/round.h"
#include "cairn/tasks/speech_recognition/task.h"

namespace cairn::tasks::speech_recognition {
namespace {

// How cepstra change: slopes over five frames, and slopes of these, behind each frame.
std::vector<float> with_deltas(const std::vector<float>& x, int64_t size) {
  const int64_t frames = std::ssize(x) / size;
  std::vector<float> out(static_cast<size_t>(frames * size * 3));
  for (int64_t t = 0; t < frames; ++t) std::copy_n(&x[t * size], size, &out[t * size * 3]);
  for (int64_t order = 0; order < 2; ++order)
    for (int64_t t = 0; t < frames; ++t)
      for (int64_t f = 0; f < size; ++f) {
        const auto at = [&](int64_t i) {
          return out[std::clamp<int64_t>(t + i, 0, frames - 1) * size * 3 + order * size + f];
        };
        out[t * size * 3 + (order + 1) * size + f] = (at(1) - at(-1) + 2 * (at(2) - at(-2))) / 10;
      }
  return out;
}

// Frames at another speed, between two neighbours each.
std::vector<float> stretched(const std::vector<float>& x, int64_t size, double factor) {
  const int64_t frames = std::ssize(x) / size;
  const auto count = std::max<int64_t>(1, std::llround(static_cast<double>(frames) / factor));
  std::vector<float> out(static_cast<size_t>(count * size));
  for (int64_t t = 0; t < count; ++t) {
    const double at = std::min(static_cast<double>(t) * factor, static_cast<double>(frames - 1));
    const auto low = static_cast<int64_t>(at);
    const int64_t high = std::min(low + 1, frames - 1);
    const auto part = static_cast<float>(at - static_cast<double>(low));
    for (int64_t f = 0; f < size; ++f)
      out[t * size + f] = x[low * size + f] * (1 - part) + x[high * size + f] * part;
  }
  return out;
}

double speed_by(double most, PhiloxStream& random) {
  return random.uniform(static_cast<float>(1 - most), static_cast<float>(1 + most));
}

bool has_cepstra(const std::string& features) { return features.ends_with("mfcc"); }

}  // namespace

void Complaints::add(const std::string& file, const std::string& warning) {
  if (warning.empty()) return;
  const std::lock_guard lock(mutex_);
  if (said_.insert(file).second) waiting_.emplace(file, warning);
}

void Complaints::say() {
  constexpr size_t kNamed = 3;
  const std::lock_guard lock(mutex_);
  size_t named = 0;
  for (const auto& [file, warning] : waiting_)
    if (named++ < kNamed) fmt::print(stderr, "cairn: {}\n", warning);
  if (waiting_.size() > kNamed)
    fmt::print(stderr, "cairn: {} recordings are cut short or damaged, these {} among them\n",
               waiting_.size(), kNamed);
  waiting_.clear();
}

Ear::Ear(const Options& o)
    : rate_(static_cast<int>(*o.rate)),
      front_(audio::feature_preset(o.features, rate_, static_cast<int>(*o.bins))),
      base_(front_.size()),
      stack_(o.stack),
      size_((has_cepstra(o.features) ? 3 : 1) * base_ * stack_),
      deltas_(has_cepstra(o.features)),
      speed_(o.speed),
      noise_(o.noise),
      masks_({.time = o.time_masks, .bands = o.band_masks}) {}

double Ear::seconds_of(int64_t frames) const {
  return static_cast<double>(frames * stack_ * front_.options().hop) / rate_;
}

std::vector<float> Ear::samples_of(const Utterance& u) const {
  if (!u.audio.empty()) {
    audio::Sound sound = audio::read_sound(u.audio, rate_);
    complaints_->add(u.audio, sound.warning);
    return std::move(sound.samples);
  }
  if (u.frames > 0) return {};
  return audio::resample(data::drawn_speech(u.first), data::kTonesRate, rate_);
}

int64_t Ear::frames_of(const SpeechPart& part, const Utterance& u) const {
  int64_t frames = u.frames;
  if (!part.features) {
    int64_t samples = -1;
    if (!u.audio.empty()) {
      const audio::SoundReader reader(u.audio);
      complaints_->add(u.audio, reader.warning());
      if (reader.info().samples > 0)
        samples = reader.info().samples * rate_ / std::max(reader.info().rate, 1);
    }
    if (samples < 0) samples = std::ssize(samples_of(u));
    frames = front_.frames(samples);
  }
  return ceil_div(frames, stack_);
}

void Ear::change(std::vector<float>& samples, PhiloxStream& random) const {
  if (speed_ > 0) samples = audio::at_speed(samples, speed_by(speed_, random));
  // A little more or less of what is before and behind it.
  const int64_t room = rate_ / 20, before = random.below(static_cast<uint32_t>(room));
  samples.insert(samples.begin(), static_cast<size_t>(before), 0.f);
  samples.insert(samples.end(), random.below(static_cast<uint32_t>(room)), 0.f);
  const bool noisy = random.chance(static_cast<float>(noise_));
  if (noisy) audio::add_noise(samples, random.uniform(10, 40), random);
}

Heard Ear::finished(std::vector<float> features, PhiloxStream* random) const {
  if (deltas_) features = with_deltas(features, base_);
  const int64_t size = size_ / stack_;
  audio::normalize(features, size);
  if (random) audio::mask(features, size, masks_, *random);
  const int64_t frames = ceil_div(std::ssize(features) / size, stack_);
  features.resize(static_cast<size_t>(frames * size_), 0.f);
  return {std::move(features), frames};
}

Heard Ear::hear(const SpeechPart& part, const Utterance& u, PhiloxStream* random) const {
  if (!part.features) {
    std::vector<float> samples = samples_of(u);
    if (random) change(samples, *random);
    return finished(front_(samples), random);
  }
  const auto begin = part.features->values.begin() + u.first * part.features->size;
  std::vector<float> features(begin, begin + u.frames * part.features->size);
  if (random && speed_ > 0) features = stretched(features, base_, speed_by(speed_, *random));
  return finished(std::move(features), random);
}

Heard Ear::hear(std::vector<float> samples) const {
  // As long as one frame at least.
  samples.resize(std::max(samples.size(), static_cast<size_t>(front_.options().window)), 0.f);
  return finished(front_(samples), nullptr);
}

}  // namespace cairn::tasks::speech_recognition
