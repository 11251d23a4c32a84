// Sound files of any kind (WAV, FLAC, Ogg, MP3, ...) as one channel of samples at a chosen rate,
// read through libsndfile a block at a time, so that hours need little memory.
//
//   audio::SoundReader reader("talk.flac", 16000);
//   while (size_t n = reader.read(block)) use(block.first(n));
//
// What is done with odd files stands in docs/sound.md.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cairn/io/bytes.h"

namespace cairn::audio {

// What a file says of itself.
struct SoundInfo {
  int rate = 0, channels = 0;
  int64_t samples = -1;  // of each channel; -1: it does not say
};

class SoundReader {
 public:
  // `rate`: samples a second to be given; 0: as the file has them. Throws Error naming the file:
  // missing, not sound, without a sample, of a rate below 50 or above 4 million.
  explicit SoundReader(const std::string& path, int rate = 0);
  ~SoundReader();
  SoundReader(const SoundReader&) = delete;

  // The next samples, the mean of all channels, full scale 1 (of floats: as they are); fewer than
  // asked for at the end, where 0 come. Throws Error for samples that are no numbers.
  size_t read(std::span<float> samples);
  int rate() const { return rate_; }
  const SoundInfo& info() const { return info_; }
  // What was wrong and passed over ("cut short: ..."); "": nothing. Known at the end, what a WAV's
  // header tells at once.
  const std::string& warning() const { return warning_; }

 private:
  struct File;
  size_t read_own(std::span<float> samples);  // at the file's rate
  void finish();
  std::string cut_short(int64_t samples) const;

  std::string path_;
  int rate_;
  SoundInfo info_;
  std::unique_ptr<File> file_;
  std::string warning_;
  int64_t taken_ = 0;
  bool ended_ = false;
};

struct Sound {
  std::vector<float> samples;
  int rate = 0;
  std::string warning = {};
};
// The whole of a file. Throws also for more than `most` samples (4.6 hours at 16 kHz).
Sound read_sound(const std::string& path, int rate = 0, int64_t most = int64_t{1} << 28);
bool is_sound_name(const std::string& path);  // by its ending

// 16-bit WAV, each sample rounded to the nearest, those beyond full scale cut.
io::ByteVector to_wav(std::span<const float> samples, int rate);
void write_wav(const std::string& path, std::span<const float> samples, int rate);

}  // namespace cairn::audio
