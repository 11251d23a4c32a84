#include "cairn/music/notes.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

#include "cairn/base/error.h"

namespace cairn::music {
namespace {

constexpr double kAttack = 0.008, kRelease = 0.06, kHalf = 0.5;  // seconds
constexpr int kHarmonics = 6;

// A sine and its overtones by rotation: two products a sample and harmonic, no calls.
void add_note(std::vector<float>& samples, int rate, double begin, double end, const Note& note) {
  const double pitch = 440 * std::exp2((note.pitch - 69) / 12.0);
  const auto first = static_cast<int64_t>(begin * rate);
  const auto held = std::max<int64_t>(static_cast<int64_t>((end - begin) * rate), 1);
  const auto tail = static_cast<int64_t>(kRelease * rate);
  const double loud = 0.2 * note.velocity / 127;
  for (int h = 1; h <= kHarmonics && pitch * h < rate * 0.45; ++h) {
    const double turn = 2 * std::numbers::pi * pitch * h / rate;
    const double c = std::cos(turn), s = std::sin(turn);
    const double fade = std::exp2(-std::sqrt(h) / (kHalf * rate));
    double re = loud / (h * std::sqrt(h)), im = 0;
    for (int64_t i = 0; i < held + tail; ++i) {
      const double rise = std::min(1.0, static_cast<double>(i) / (kAttack * rate));
      const double fall =
          i < held ? 1 : 1 - static_cast<double>(i - held) / static_cast<double>(tail);
      samples[static_cast<size_t>(first + i)] += static_cast<float>(im * rise * fall);
      const double next = (re * c - im * s) * fade;
      im = (re * s + im * c) * fade, re = next;
    }
  }
}

}  // namespace

double Score::seconds_at(int64_t tick) const {
  double seconds = 0, pace = 0.5 / static_cast<double>(ticks);
  int64_t at = 0;
  for (const Tempo& t : tempos) {
    if (t.tick >= tick) break;
    seconds += static_cast<double>(t.tick - at) * pace;
    at = t.tick, pace = static_cast<double>(t.microseconds) * 1e-6 / static_cast<double>(ticks);
  }
  return seconds + static_cast<double>(tick - at) * pace;
}

int64_t Score::end() const {
  int64_t last = 0;
  for (const Note& n : notes) last = std::max(last, n.end);
  return last;
}

void sort_notes(Score& score) {
  std::stable_sort(score.notes.begin(), score.notes.end(), [](const Note& a, const Note& b) {
    return std::tie(a.start, a.track, a.pitch) < std::tie(b.start, b.track, b.pitch);
  });
  std::stable_sort(score.tempos.begin(), score.tempos.end(),
                   [](const Tempo& a, const Tempo& b) { return a.tick < b.tick; });
}

std::vector<float> synthesize(const Score& score, int rate, double seconds) {
  const double length = score.seconds_at(score.end());
  check(length <= seconds, "'{}': {:.0f} s of music; at most {:.0f} s are synthesized", score.name,
        length, seconds);
  std::vector<float> samples(static_cast<size_t>((length + 2 * kRelease) * rate) + 2);
  for (const Note& n : score.notes)
    if (n.channel != kDrums)
      add_note(samples, rate, score.seconds_at(n.start), score.seconds_at(n.end), n);
  float loudest = 0;
  for (const float s : samples) loudest = std::max(loudest, std::abs(s));
  if (loudest > 0)
    for (float& s : samples) s *= 0.9f / loudest;
  return samples;
}

}  // namespace cairn::music
