// Sound files as programs write them, and as they come damaged.
#include "cairn/audio/sound.h"

#include <gtest/gtest.h>
#include <sndfile.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cairn/base/error.h"
#include "cairn/io/file.h"
#include "tests/io/temporary_folder.h"

namespace cairn::audio {
namespace {

std::vector<float> tone(int count, float loud = 0.5f) {
  std::vector<float> x(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) x[i] = loud * std::sin(2 * M_PI * 440 * i / 16000);
  return x;
}

class Sounds : public testing::Test {
 protected:
  // By libsndfile, the same on all channels.
  std::string written(const std::string& name, int format, const std::vector<float>& mono,
                      int channels = 1) {
    SF_INFO info = {};
    info.samplerate = 16000, info.channels = channels, info.format = format;
    SNDFILE* file = sf_open((folder_ / name).c_str(), SFM_WRITE, &info);
    EXPECT_NE(file, nullptr) << name;
    std::vector<float> all;
    for (const float x : mono) all.insert(all.end(), static_cast<size_t>(channels), x);
    sf_command(file, SFC_SET_CLIPPING, nullptr, SF_TRUE);
    EXPECT_EQ(sf_writef_float(file, all.data(), std::ssize(mono)), std::ssize(mono));
    sf_close(file);
    return folder_ / name;
  }
  std::string file_of(const std::string& name, const io::ByteVector& bytes) {
    std::ofstream(folder_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
    return folder_ / name;
  }
  void expect_refused(const std::string& path, const std::string& part) {
    try {
      read_sound(path);
      ADD_FAILURE() << "read " << path;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
    }
  }
  TemporaryFolder folder_;
};

double error_of(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    most = std::max<double>(most, std::abs(a[i] - b[i]));
  return most;
}

TEST_F(Sounds, OfEveryFormatAreRead) {
  struct Kind {
    const char* name;
    int format;
    double tolerance;
  };
  const auto x = tone(4000);
  for (const Kind& k : {Kind{"u8.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 8e-3},
                        Kind{"16.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 4e-5},
                        Kind{"24.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 2e-7},
                        Kind{"32.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_32, 1e-7},
                        Kind{"f.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 0},
                        Kind{"d.wav", SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 0},
                        Kind{"a.wav", SF_FORMAT_WAV | SF_FORMAT_ALAW, 2e-2},
                        Kind{"mu.wav", SF_FORMAT_WAV | SF_FORMAT_ULAW, 2e-2},
                        Kind{"ms.wav", SF_FORMAT_WAV | SF_FORMAT_MS_ADPCM, 5e-2},
                        Kind{"ex.wav", SF_FORMAT_WAVEX | SF_FORMAT_PCM_16, 4e-5},
                        Kind{"x.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 4e-5},
                        Kind{"x.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 5e-2},
                        Kind{"x.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 4e-5},
                        Kind{"x.au", SF_FORMAT_AU | SF_FORMAT_PCM_16, 4e-5}}) {
    const Sound sound = read_sound(written(k.name, k.format, x));
    EXPECT_EQ(sound.rate, 16000) << k.name;
    EXPECT_EQ(sound.warning, "") << k.name;
    EXPECT_GE(sound.samples.size(), x.size()) << k.name;  // ADPCM fills its last block
    EXPECT_LT(sound.samples.size(), x.size() + 1024) << k.name;
    EXPECT_LE(error_of(sound.samples, x), k.tolerance) << k.name;
    EXPECT_TRUE(is_sound_name(k.name));
  }
}

TEST_F(Sounds, Mp3IsRead) {
  const auto x = tone(16000);
  const Sound sound = read_sound(written("x.mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, x));
  EXPECT_NEAR(std::ssize(sound.samples), 16000, 3000);
  double power = 0;
  for (size_t i = 4000; i < 12000; ++i) power += sound.samples[i] * sound.samples[i] / 8000;
  EXPECT_NEAR(power, 0.125, 0.01);
}

TEST_F(Sounds, FloatsAboveOneStayAndChannelsAreAveraged) {
  const auto loud = tone(1000, 3.f);
  EXPECT_EQ(read_sound(written("f.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, loud)).samples, loud);
  const auto six = read_sound(written("6.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, loud, 6));
  EXPECT_LT(error_of(six.samples, loud), 1e-6);
  EXPECT_EQ(six.samples.size(), loud.size());
}

TEST_F(Sounds, OurOwnAreRoundedToTheNearest) {
  const std::vector<float> x{0, 0.6f / 32768, -0.6f / 32768, 1, -1, 2, 0.25f};
  write_wav(folder_ / "own.wav", x, 8000);
  const Sound sound = read_sound(folder_ / "own.wav");
  EXPECT_EQ(sound.rate, 8000);
  const float unit = 1.f / 32768;
  EXPECT_EQ(sound.samples, (std::vector<float>{0, unit, -unit, 1 - unit, -1, 1 - unit, 0.25f}));
}

void set32(io::ByteVector& bytes, size_t at, uint32_t value) { std::memcpy(&bytes[at], &value, 4); }

TEST_F(Sounds, AStreamedHeaderIsReadToTheEnd) {
  const auto x = tone(3001);
  const auto good = to_wav(x, 16000);
  const Sound wanted = read_sound(file_of("good.wav", good));
  for (const uint32_t size : {0u, 0xFFFFFFFFu, 0x7FFFFFFFu}) {
    auto bytes = good;
    set32(bytes, 4, size), set32(bytes, 40, size);
    const Sound sound = read_sound(file_of("streamed.wav", bytes));
    EXPECT_EQ(sound.samples, wanted.samples) << size;
    EXPECT_EQ(sound.warning, "");
  }
}

// Kilobytes of files that count as memory of this process.
int64_t resident_files() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssFile:")) return std::stoll(line.substr(8));
  return -1;
}

TEST_F(Sounds, OfALongFileLittleStaysInMemory) {
  auto bytes = to_wav(tone(16), 16000);
  set32(bytes, 4, 0xFFFFFFFFu), set32(bytes, 40, 0xFFFFFFFFu);
  const std::string path = file_of("long.wav", bytes);
  std::filesystem::resize_file(path, 48 << 20);
  SoundReader reader(path);
  std::vector<float> some(1 << 16);
  int64_t count = static_cast<int64_t>(reader.read(some));
  const int64_t before = resident_files();
  while (const size_t now = reader.read(some)) count += static_cast<int64_t>(now);
  EXPECT_EQ(count, ((48 << 20) - 44) / 2);
  EXPECT_LT(resident_files() - before, 12 << 10);
}

TEST_F(Sounds, OddChunksAreReadWithTheirPadByteAndWithout) {
  const auto good = to_wav(tone(500), 16000);
  for (const bool padded : {true, false}) {
    io::ByteVector bytes(good.begin(), good.begin() + 36);
    for (const char c : {'L', 'I', 'S', 'T', '\5', '\0', '\0', '\0', 'a', 'b', 'c', 'd', 'e'})
      bytes.push_back(static_cast<uint8_t>(c));
    if (padded) bytes.push_back(0);
    bytes.insert(bytes.end(), good.begin() + 36, good.end());
    EXPECT_EQ(read_sound(file_of("odd.wav", bytes)).samples.size(), 500u) << padded;
  }
}

TEST_F(Sounds, WhatIsCutShortIsReadAndSaid) {
  auto bytes = to_wav(tone(1000), 16000);
  bytes.resize(44 + 2 * 600 + 1);
  const Sound sound = read_sound(file_of("cut.wav", bytes));
  EXPECT_EQ(sound.samples.size(), 600u);
  EXPECT_NE(sound.warning.find("cut short"), std::string::npos) << sound.warning;
  EXPECT_EQ(SoundReader(folder_ / "cut.wav").warning(), sound.warning) << "before it is read";
  EXPECT_EQ(SoundReader(file_of("whole.wav", to_wav(tone(1000), 16000))).warning(), "");
  auto flac = io::read_file(written("whole.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, tone(40000)));
  flac.resize(flac.size() / 2);
  const std::string path = file_of("cut.flac", flac);
  const Sound part = read_sound(path);
  EXPECT_LT(part.samples.size(), 40000u);
  EXPECT_NE(part.warning.find(path), std::string::npos) << part.warning;
}

TEST_F(Sounds, WhatIsNoSoundIsRefused) {
  expect_refused(folder_ / "missing.wav", "");
  expect_refused(file_of("empty.wav", {}), "empty");
  expect_refused(file_of("text.wav", io::ByteVector(300, 'x')), "no sound");
  auto bytes = to_wav(tone(10), 16000);
  bytes.resize(44);
  set32(bytes, 40, 0);
  expect_refused(file_of("none.wav", bytes), "without a sample");
  bytes.resize(36);
  expect_refused(file_of("no_data.wav", bytes), "without sound");
  auto format = to_wav(tone(10), 16000);
  set32(format, 16, 1u << 30);
  expect_refused(file_of("format.wav", format), "format");
  auto rate = to_wav(tone(10), 16000);
  set32(rate, 24, 3);
  expect_refused(file_of("rate.wav", rate), "");
  auto nan = tone(10);
  nan[3] = NAN;
  expect_refused(written("nan.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, nan), "sample 3");
}

TEST_F(Sounds, AnotherRateComesOutTheSameInBlocksOfAnySize) {
  write_wav(folder_ / "x.wav", tone(20000), 16000);
  const Sound whole = read_sound(folder_ / "x.wav", 11025);
  EXPECT_EQ(whole.rate, 11025);
  EXPECT_NEAR(std::ssize(whole.samples), 20000 * 11025 / 16000.0, 1);
  SoundReader reader(folder_ / "x.wav", 11025);
  std::vector<float> all, block(37);
  while (const size_t n = reader.read(block))
    all.insert(all.end(), block.begin(), block.begin() + n);
  EXPECT_EQ(all, whole.samples);
  EXPECT_THROW(read_sound(folder_ / "x.wav", 0, 19999), Error);
}

}  // namespace
}  // namespace cairn::audio
