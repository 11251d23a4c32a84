// Features and other rates against librosa, torchaudio and Kaldi (tools/dump_audio.py).
#include "cairn/audio/features.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "cairn/audio/augment.h"
#include "cairn/audio/resample.h"
#include "cairn/audio/sound.h"
#include "cairn/base/error.h"
#include "cairn/io/csv.h"
#include "cairn/io/gzip.h"
#include "cairn/io/tensors.h"

namespace cairn::audio {
namespace {

class References : public testing::Test {
 protected:
  std::vector<float> at(const std::string& name) const {
    for (const auto& [key, tensor] : all_)
      if (key == name) return tensor.to_vector<float>();
    ADD_FAILURE() << "no reference " << name;
    return {};
  }
  NamedTensors all_ = io::load_tensors(CAIRN_SOURCE_DIR "/tests/audio/references.safetensors");
};

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    most = std::max(most, std::abs(static_cast<double>(a[i]) - b[i]));
  return most;
}

TEST_F(References, EveryPresetHasTheValuesOfItsLibrary) {
  const auto sound = at("sound");
  for (const std::string& name : feature_presets()) {
    if (name == "sphinx-mfcc") continue;  // no package computes it: see AN4 below
    const FrontEnd front(feature_preset(name, 16000));
    const auto features = front(sound);
    EXPECT_EQ(std::ssize(features), front.frames(std::ssize(sound)) * front.size());
    // Of decibels, or of natural logarithms of what is far above the rounding of the FFT.
    EXPECT_LT(largest_difference(features, at(name)), name.find("kaldi") == 0 ? 5e-3 : 1e-2)
        << name;
  }
}

TEST_F(References, OtherRatesHaveTheValuesOfLibrosa) {
  const auto sound = at("sound");
  for (const int rate : {8000, 22050}) {
    auto ours = resample(sound, 16000, rate);
    const auto theirs = at(fmt::format("to-{}", rate));
    EXPECT_NEAR(std::ssize(ours), std::ssize(sound) * rate / 16000.0, 1);
    ours.resize(theirs.size());  // librosa fills up with zeros to the next whole number
    EXPECT_LT(largest_difference(ours, theirs), 2e-3) << rate;
  }
}

TEST(Resample, HasNoDelayAndGainOne) {
  std::vector<float> tone(16000);
  for (size_t i = 0; i < tone.size(); ++i) tone[i] = std::sin(2 * M_PI * 440 * i / 16000);
  for (const int rate : {8000, 11025, 44100, 48000}) {
    const auto out = resample(tone, 16000, rate);
    EXPECT_NEAR(std::ssize(out), rate, 1);
    for (size_t i = rate / 4; i < static_cast<size_t>(rate) / 2; ++i)
      ASSERT_NEAR(out[i], std::sin(2 * M_PI * 440 * i / rate), 1e-4) << rate << " " << i;
  }
}

TEST(Features, OfShortSilentAndNoSoundAreFinite) {
  for (const std::string& name : feature_presets()) {
    const FrontEnd front(feature_preset(name, 16000));
    for (const size_t count : {0, 1, 2, 399, 400, 2048}) {
      const std::vector<float> silence(count);
      const auto features = front(silence);
      EXPECT_EQ(std::ssize(features), front.frames(std::ssize(silence)) * front.size());
      for (const float f : features) ASSERT_TRUE(std::isfinite(f)) << name << " " << count;
    }
  }
  EXPECT_THROW(feature_preset("mel", 16000), Error);
  EXPECT_THROW(FrontEnd({.window = 400, .fft = 256}), Error);
  EXPECT_THROW(FrontEnd({.rate = 8000, .high = 6000}), Error);
}

TEST(Augment, MasksSpeedsAndNoiseDoWhatTheySay) {
  PhiloxStream random(3);
  std::vector<float> features(100 * 40, 1.f);
  mask(features, 40, {}, random);
  const auto zeros = std::count(features.begin(), features.end(), 0.f);
  EXPECT_GT(zeros, 0);
  EXPECT_LT(zeros, 100 * 40 * 0.8);
  std::vector<float> tone(8000);
  for (size_t i = 0; i < tone.size(); ++i) tone[i] = std::sin(2 * M_PI * 440 * i / 8000);
  EXPECT_NEAR(at_speed(tone, 1.1).size(), 8000 / 1.1, 1);
  EXPECT_THROW(at_speed(tone, 0), Error);
  auto noisy = tone;
  add_noise(noisy, 20, random);
  double power = 0;
  for (size_t i = 0; i < tone.size(); ++i) power += std::pow(noisy[i] - tone[i], 2);
  EXPECT_NEAR(power / 8000, 0.5 / 100, 5e-4);
  std::vector<float> constant{1, 5, 1, 7};
  normalize(constant, 2);
  EXPECT_EQ(constant, (std::vector<float>{0, -1, 0, 1}));
}

// AN4's own features from its recordings, where they are: CAIRN_AN4=its folder. They are stored to
// within 0.00032.
TEST(Features, ReproduceThoseOfAn4) {
  const char* folder = std::getenv("CAIRN_AN4");
  if (!folder) GTEST_SKIP() << "CAIRN_AN4 names no folder";
  const FrontEnd front(feature_preset("sphinx-mfcc", 16000));
  int compared = 0;
  for (const std::string split : {"train", "test"}) {
    const auto path = fmt::format("{}/{}", folder, split);
    const auto bytes = io::read_maybe_gzip(path + ".mfcc13.i16.gz");
    const std::string list = io::read_text_file(path + ".tsv");
    io::for_each_record(list, path, '\t', [&](int64_t line, std::vector<std::string>& row) {
      const std::string wav = fmt::format("{}/wav-sample/{}.wav", folder, row[0]);
      if (line == 1 || !std::ifstream(wav)) return;
      std::vector<float> theirs(std::stoul(row[3]) * 13);
      for (size_t i = 0; i < theirs.size(); ++i) {
        const size_t at = 2 * (std::stoul(row[2]) * 13 + i);
        theirs[i] = static_cast<int16_t>(bytes[at] | bytes[at + 1] << 8) / 1600.f;
      }
      EXPECT_LT(largest_difference(front(read_sound(wav).samples), theirs), 1e-3) << wav;
      ++compared;
    });
  }
  EXPECT_EQ(compared, 40);
}

}  // namespace
}  // namespace cairn::audio
