// Sounds that spell: what speech recognition learns from without files.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "cairn/audio/sound.h"
#include "cairn/base/philox.h"
#include "cairn/data/speech.h"

namespace cairn::data {
namespace {

struct Letter {
  double from, to;  // hertz at its beginning and its end
};
constexpr Letter kLetters[] = {{400, 400},  {900, 900},  {1800, 1800},
                               {500, 1500}, {1500, 500}, {2500, 1200}};

void append_silence(std::vector<float>& sound, int count) {
  sound.insert(sound.end(), static_cast<size_t>(count), 0.f);
}

void append_letter(std::vector<float>& sound, const Letter& letter, PhiloxStream& random) {
  const int count = 800 + static_cast<int>(random.below(500));
  const double stretch = random.uniform(0.95f, 1.05f), loud = random.uniform(0.2f, 0.5f);
  double phase = 0;
  for (int i = 0; i < count; ++i) {
    const double part = static_cast<double>(i) / count;
    phase += 2 * std::numbers::pi * stretch * (letter.from + (letter.to - letter.from) * part) /
             kTonesRate;
    const double edge = std::min({1.0, i / 80.0, (count - i) / 80.0});
    sound.push_back(static_cast<float>(loud * edge * std::sin(phase)));
  }
}

}  // namespace

std::vector<float> drawn_speech(int64_t number, std::string* text) {
  PhiloxStream random(20261129, static_cast<uint64_t>(number));
  std::vector<float> sound;
  std::string said;
  append_silence(sound, 400 + static_cast<int>(random.below(400)));
  const uint32_t words = 1 + random.below(3);
  for (uint32_t w = 0; w < words; ++w) {
    if (w > 0) said += ' ', append_silence(sound, 2000 + static_cast<int>(random.below(800)));
    const uint32_t letters = 2 + random.below(3);
    for (uint32_t i = 0; i < letters; ++i) {
      if (i > 0) append_silence(sound, 300 + static_cast<int>(random.below(200)));
      const uint32_t letter = random.below(6);
      said += static_cast<char>('a' + letter);
      append_letter(sound, kLetters[letter], random);
    }
  }
  append_silence(sound, 400 + static_cast<int>(random.below(400)));
  for (float& s : sound) s += 0.003f * random.normal();
  if (text) *text = said;
  return sound;
}

std::vector<std::string> write_tones(const std::string& folder) {
  std::vector<std::string> files;
  for (int64_t i = 0; i < 3; ++i) {
    std::string text;
    const auto sound = drawn_speech(1'000'000 + i, &text);
    for (char& c : text)
      if (c == ' ') c = '-';
    files.push_back(folder + "/" + text + ".wav");
    audio::write_wav(files.back(), sound, kTonesRate);
  }
  return files;
}

}  // namespace cairn::data
