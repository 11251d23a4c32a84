#include "cairn/music/roll.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"

namespace cairn::music {

Roll to_roll(const Score& score, int64_t grid) {
  Roll roll{score.name, 0, {}, 0};
  const auto step_of = [&](int64_t tick) -> int64_t {
    return std::llround(static_cast<double>(tick) * static_cast<double>(grid) /
                        static_cast<double>(score.ticks));
  };
  for (const Note& n : score.notes) {
    if (n.channel == kDrums) continue;
    if (n.pitch < kLowest || n.pitch >= kLowest + kKeys) {
      ++roll.outside;
      continue;
    }
    const int64_t first = step_of(n.start), behind = std::max(first + 1, step_of(n.end));
    check(behind <= kMostSteps, "'{}': {} steps of a roll; at most {}", score.name, behind,
          kMostSteps);
    if (std::ssize(roll.steps) < behind) roll.steps.resize(static_cast<size_t>(behind));
    for (int64_t s = first; s < behind; ++s) {
      Chord& chord = roll.steps[static_cast<size_t>(s)];
      const auto place = std::lower_bound(chord.begin(), chord.end(), n.pitch, std::greater<>());
      if (place == chord.end() || *place != n.pitch) chord.insert(place, n.pitch);
    }
  }
  return roll;
}

Score to_score(const Roll& roll, int64_t grid, double quarters_a_minute) {
  Score score{roll.name, 120 * grid, {}, {{0, std::llround(60e6 / quarters_a_minute)}}};
  constexpr int64_t kTicks = 120;  // of a step
  score.tracks = std::max(roll.voices, 1);
  const auto sounds = [&](size_t step, int voice, int pitch) {
    const Chord& c = roll.steps[step];
    if (roll.voices > 0) return c[static_cast<size_t>(voice)] == pitch;
    return std::find(c.begin(), c.end(), pitch) != c.end();
  };
  for (size_t s = 0; s < roll.steps.size(); ++s)
    for (size_t i = 0; i < roll.steps[s].size(); ++i) {
      const int voice = roll.voices > 0 ? static_cast<int>(i) : 0, pitch = roll.steps[s][i];
      if (pitch == kSilent || (s > 0 && sounds(s - 1, voice, pitch))) continue;
      size_t end = s + 1;
      while (end < roll.steps.size() && sounds(end, voice, pitch)) ++end;
      score.notes.push_back({static_cast<int64_t>(s) * kTicks, static_cast<int64_t>(end) * kTicks,
                             pitch, 80, 0, voice});
    }
  sort_notes(score);
  return score;
}

Roll in_voices(const Roll& roll, int voices) {
  if (roll.voices == voices) return roll;
  Roll out{roll.name, voices, {}, roll.outside};
  for (const Chord& chord : roll.steps) {
    Chord all;
    for (const int pitch : chord)
      if (pitch != kSilent) all.push_back(pitch);
    if (std::ssize(all) > voices) all.erase(all.begin() + voices - 1, all.end() - 1);
    all.resize(static_cast<size_t>(voices), kSilent);
    out.steps.push_back(std::move(all));
  }
  return out;
}

Roll in_chords(const Roll& roll) {
  Roll out = roll;
  out.voices = 0;
  for (Chord& c : out.steps) {
    std::erase(c, kSilent);
    std::sort(c.begin(), c.end(), std::greater<>());
    c.erase(std::unique(c.begin(), c.end()), c.end());
  }
  return out;
}

std::vector<Chord> transposed(const std::vector<Chord>& steps, int semitones) {
  std::vector<Chord> moved = steps;
  for (Chord& chord : moved)
    for (int& pitch : chord) {
      if (pitch == kSilent) continue;
      pitch += semitones;
      if (pitch < kLowest || pitch >= kLowest + kKeys) return {};
    }
  return moved;
}

io::Image picture_of(const Roll& roll, int64_t steps_of_bar, int scale) {
  int low = 127, high = 0;
  for (const Chord& c : roll.steps)
    for (const int p : c)
      if (p != kSilent) low = std::min(low, p), high = std::max(high, p);
  if (low > high) low = 60, high = 60;
  low -= 2, high += 2;
  constexpr uint8_t kColours[][3] = {{31, 119, 180}, {214, 96, 20}, {44, 140, 60}, {148, 80, 160}};
  const int steps = static_cast<int>(std::min<size_t>(roll.steps.size(), 1024));
  io::Image image(std::max(steps, 1) * scale, (high - low + 1) * scale, 3, 250);
  const auto fill = [&](int step, int pitch, const uint8_t* colour, int width) {
    for (int y = 0; y < scale; ++y)
      for (int x = 0; x < width; ++x)
        std::copy_n(colour, 3, image.at(step * scale + x, (high - pitch) * scale + y));
  };
  constexpr uint8_t kOctave[] = {232, 232, 232}, kBar[] = {190, 190, 190};
  for (int p = low; p <= high; ++p)
    for (int s = 0; s < steps; ++s) {
      if (p % 12 == 0) fill(s, p, kOctave, scale);
      if (s % steps_of_bar == 0) fill(s, p, kBar, 1);
    }
  for (int s = 0; s < steps; ++s) {
    const Chord& c = roll.steps[static_cast<size_t>(s)];
    for (size_t v = 0; v < c.size(); ++v)
      if (c[v] != kSilent) fill(s, c[v], kColours[roll.voices > 0 ? v % 4 : 0], scale);
  }
  return image;
}

}  // namespace cairn::music
