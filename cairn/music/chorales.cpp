// Music that the program makes up by a few rules: what is learned from without files.
#include <algorithm>
#include <array>

#include "cairn/base/philox.h"
#include "cairn/music/rolls.h"

namespace cairn::music {
namespace {

constexpr int kVoices = 4, kTrain = 120, kOthers = 20;
constexpr int kScale[] = {0, 2, 4, 5, 7, 9, 11};
constexpr std::array<int, kVoices> kMiddle = {72, 65, 58, 48};

// Which chord of the key goes to which: degrees, and the next ones.
constexpr int kNext[7][4] = {{3, 4, 5, 1}, {4, 4, 6, 0}, {5, 3, 5, 3}, {4, 0, 1, 4},
                             {0, 0, 5, 0}, {1, 3, 4, 1}, {0, 0, 2, 0}};

int pitch_class(int key, int degree) { return (key + kScale[degree % 7]) % 12; }

// The pitch of that class next to where the voice is, drawn to the middle of its range.
int nearest(int from, int middle, int wanted) {
  int best = 0, distance = 1000;
  for (int p = middle - 10; p <= middle + 10; ++p)
    if (p % 12 == wanted) {
      const int d = 2 * std::abs(p - from) + std::abs(p - middle);
      if (d < distance) best = p, distance = d;
    }
  return best;
}

}  // namespace

Roll drawn_chorale(int64_t number, int64_t grid) {
  PhiloxStream random(20261130, static_cast<uint64_t>(number));
  Roll roll{fmt::format("chorale {}", number), kVoices, {}, 0};
  const int key = static_cast<int>(random.below(12));
  const uint32_t beats = 4 * (8 + random.below(9));
  std::array<int, kVoices> voices = kMiddle;
  int degree = 0;
  for (uint32_t beat = 0; beat < beats; ++beat) {
    const bool ends_phrase = beat % 16 == 15;
    if (beat > 0) degree = ends_phrase ? 0 : kNext[degree][random.below(4)];
    const int parts[] = {degree, degree + 2, degree + 4};
    uint32_t turn = random.below(3);
    for (size_t v = 0; v < kVoices; ++v) {
      const int part = v == kVoices - 1 ? 0 : static_cast<int>(turn++ % 3);
      const int pitch = nearest(voices[v], kMiddle[v], pitch_class(key, parts[part]));
      // Between two beats a voice may pass over the step that lies there.
      const bool passes = beat > 0 && grid > 1 && std::abs(pitch - voices[v]) >= 3 &&
                          std::abs(pitch - voices[v]) <= 4 && random.chance(0.5f);
      if (passes) {
        const int up = pitch > voices[v] ? 1 : -1;
        int between = voices[v] + up;
        while (std::none_of(std::begin(kScale), std::end(kScale),
                            [&](int s) { return (key + s) % 12 == between % 12; }))
          between += up;
        const auto last = std::ssize(roll.steps);
        for (int64_t s = last - grid / 2; s < last; ++s)
          roll.steps[static_cast<size_t>(s)][v] = between;
      }
      voices[v] = pitch;
    }
    for (int64_t s = 0; s < grid; ++s) roll.steps.emplace_back(voices.begin(), voices.end());
  }
  return roll;
}

RollSet drawn_chorales(int64_t grid) {
  RollSet set;
  set.grid = grid;
  for (int64_t i = 0; i < kTrain + 2 * kOthers; ++i)
    (i < kTrain             ? set.train
     : i < kTrain + kOthers ? set.validation
                            : set.test)
        .push_back(drawn_chorale(i, grid));
  return set;
}

}  // namespace cairn::music
