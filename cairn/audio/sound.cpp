#include "cairn/audio/sound.h"

#include <sndfile.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "cairn/audio/resample.h"
#include "cairn/audio/wav.h"
#include "cairn/base/library.h"
#include "cairn/io/file.h"

namespace cairn::audio {
namespace {

struct Sndfile : Library {
  Sndfile() : Library("libsndfile.so.1", "a file of sound", "libsndfile1") {}
  CAIRN_OF_LIBRARY(sf_open_virtual);
  CAIRN_OF_LIBRARY(sf_readf_float);
  CAIRN_OF_LIBRARY(sf_error);
  CAIRN_OF_LIBRARY(sf_close);
};
const Sndfile& sndfile() {
  static const Sndfile library;
  return library;
}

constexpr int64_t kFramesAtOnce = 4096;
constexpr int kLeastRate = 50, kMostRate = 4'000'000, kMostChannels = 256;

// A file in two pieces: the header that we write, and what it describes.
struct Source {
  io::ByteVector head;
  io::Bytes body;
  bool mapped = false;
  int64_t at = 0, let_go = 0;  // let_go: of the body
  int64_t size() const { return static_cast<int64_t>(head.size() + body.size()); }

  // Pages that were read count as memory of this process until it lets them go; going back reads
  // them again.
  void let_go_of_read() {
    constexpr int64_t kAtOnce = 1 << 20;
    const int64_t done = at - static_cast<int64_t>(head.size());
    let_go = std::min(let_go, std::max<int64_t>(done, 0));
    if (!mapped || done - let_go < kAtOnce) return;
    const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto base = reinterpret_cast<uintptr_t>(body.data());
    const uintptr_t begin = (base + static_cast<uintptr_t>(let_go) + page - 1) / page * page;
    const uintptr_t end = (base + static_cast<uintptr_t>(done)) / page * page;
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    let_go = done;
  }

  static sf_count_t length(void* self) { return static_cast<Source*>(self)->size(); }
  static sf_count_t tell(void* self) { return static_cast<Source*>(self)->at; }
  static sf_count_t seek(sf_count_t offset, int from, void* self) {
    Source& s = *static_cast<Source*>(self);
    const int64_t base = from == SEEK_SET ? 0 : from == SEEK_CUR ? s.at : s.size();
    if (offset > s.size() - base || offset < -base) return -1;
    return s.at = base + offset;
  }
  static sf_count_t read(void* out, sf_count_t count, void* self) {
    Source& s = *static_cast<Source*>(self);
    const auto head_size = static_cast<int64_t>(s.head.size());
    count = std::clamp<int64_t>(count, 0, s.size() - s.at);
    const int64_t of_head = std::clamp<int64_t>(head_size - s.at, 0, count);
    if (of_head > 0) std::memcpy(out, s.head.data() + s.at, of_head);
    if (count > of_head)
      std::memcpy(static_cast<char*>(out) + of_head, s.body.data() + s.at + of_head - head_size,
                  count - of_head);
    s.at += count;
    s.let_go_of_read();
    return count;
  }
  static sf_count_t write(const void*, sf_count_t, void*) { return 0; }
};

}  // namespace

struct SoundReader::File {
  io::MappedFile mapped;
  io::ByteVector piped;  // of what cannot be mapped
  Source source;
  SNDFILE* sound = nullptr;
  int64_t missing = 0;
  std::vector<float> frames;
  std::unique_ptr<Resampler> resampler;
  std::vector<float> waiting = {};  // own samples that the resampler has not taken
  size_t waiting_at = 0;

  explicit File(const std::string& path) {
    io::Bytes bytes;
    std::error_code ignored;  // who opens it says why it cannot be opened
    if (std::filesystem::is_regular_file(path, ignored))
      mapped = io::MappedFile(path), bytes = mapped.bytes(), source.mapped = true;
    else piped = io::read_file(path), bytes = piped;
    check(!bytes.empty(), "'{}' is empty", path);
    source.body = bytes;
    if (const auto wav = find_wav_pieces(bytes, path)) {
      check(!wav->data.empty(), "'{}' is a WAV file without a sample", path);
      source.head = wav_header(*wav), source.body = wav->data, missing = wav->missing;
    }
  }
  File(const File&) = delete;
  ~File() {
    if (sound) sndfile().sf_close(sound);
  }
};

SoundReader::SoundReader(const std::string& path, int rate)
    : path_(path), rate_(rate), file_(std::make_unique<File>(path)) {
  SF_VIRTUAL_IO io = {Source::length, Source::seek, Source::read, Source::write, Source::tell};
  SF_INFO info = {};
  file_->sound = sndfile().sf_open_virtual(&io, SFM_READ, &info, &file_->source);
  check(file_->sound != nullptr,
        "'{}' is no sound that can be read (WAV, FLAC, Ogg, MP3, AIFF, AU, ...), or is damaged",
        path);
  check(info.samplerate >= kLeastRate && info.samplerate <= kMostRate,
        "'{}': {} samples a second; {} to {} can be read", path, info.samplerate, kLeastRate,
        kMostRate);
  check(info.channels >= 1 && info.channels <= kMostChannels,
        "'{}': {} channels; 1 to {} can be read", path, info.channels, kMostChannels);
  const bool says = info.frames > 0 && info.frames < SF_COUNT_MAX;
  info_ = {info.samplerate, info.channels, says ? info.frames : -1};
  if (file_->missing > 0 && says) warning_ = cut_short(info_.samples);
  file_->frames.resize(static_cast<size_t>(kFramesAtOnce * info.channels));
  if (rate_ == 0) rate_ = info.samplerate;
  if (rate_ != info.samplerate)
    file_->resampler = std::make_unique<Resampler>(info.samplerate, rate_);
}
SoundReader::~SoundReader() = default;

std::string SoundReader::cut_short(int64_t samples) const {
  return fmt::format(
      "'{}' is cut short: {} bytes that its header states are missing; the "
      "{:.2f} s that are there were read",
      path_, file_->missing, static_cast<double>(samples) / info_.rate);
}

// Says what was wrong, once all that there is was read.
void SoundReader::finish() {
  ended_ = true;
  check(taken_ > 0, "'{}': not a sample of it can be read; it is damaged or empty", path_);
  const double seconds = static_cast<double>(taken_) / info_.rate;
  if (file_->missing > 0) warning_ = cut_short(taken_);
  else if (sndfile().sf_error(file_->sound) != SF_ERR_NO_ERROR || taken_ < info_.samples)
    warning_ =
        fmt::format("'{}' is damaged or cut short: {:.2f} s of it could be read", path_, seconds);
}

size_t SoundReader::read_own(std::span<float> samples) {
  if (ended_) return 0;
  const int channels = info_.channels;
  const auto want = std::min<int64_t>(static_cast<int64_t>(samples.size()), kFramesAtOnce);
  const sf_count_t got = std::clamp<sf_count_t>(
      sndfile().sf_readf_float(file_->sound, file_->frames.data(), want), 0, want);
  for (int64_t i = 0; i < got; ++i) {
    float sum = 0;
    for (int c = 0; c < channels; ++c) sum += file_->frames[static_cast<size_t>(i * channels + c)];
    samples[static_cast<size_t>(i)] = sum / static_cast<float>(channels);
    check(std::isfinite(sum), "'{}': sample {} is not a finite number", path_, taken_ + i);
  }
  taken_ += got;
  if (got == 0) finish();
  return static_cast<size_t>(got);
}

size_t SoundReader::read(std::span<float> samples) {
  size_t filled = 0;
  if (!file_->resampler) {
    while (filled < samples.size()) {
      const size_t got = read_own(samples.subspan(filled));
      if (got == 0) break;
      filled += got;
    }
    return filled;
  }
  File& f = *file_;
  while (filled < samples.size()) {
    if (f.waiting_at == f.waiting.size() && !ended_) {
      f.waiting.resize(kFramesAtOnce), f.waiting_at = 0;
      f.waiting.resize(read_own(f.waiting));
    }
    const auto taken = f.resampler->process(std::span(f.waiting).subspan(f.waiting_at), ended_,
                                            samples.subspan(filled));
    f.waiting_at += taken.read, filled += taken.written;
    if (ended_ && taken.written == 0) break;
  }
  return filled;
}

Sound read_sound(const std::string& path, int rate, int64_t most) {
  SoundReader reader(path, rate);
  Sound sound{{}, reader.rate()};
  constexpr size_t kBlock = 1 << 16;
  while (true) {
    const size_t before = sound.samples.size();
    sound.samples.resize(before + kBlock);
    const size_t got = reader.read(std::span(sound.samples).subspan(before));
    sound.samples.resize(before + got);
    if (got == 0) break;
    check(static_cast<int64_t>(sound.samples.size()) <= most,
          "'{}' has more than {} samples; cut it into shorter files", path, most);
  }
  sound.warning = reader.warning();
  return sound;
}

bool is_sound_name(const std::string& path) {
  std::string ending = std::filesystem::path(path).extension().string();
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  for (const char* known : {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff",
                            ".au", ".snd", ".w64", ".rf64", ".caf", ".sph"})
    if (ending == known) return true;
  return false;
}

io::ByteVector to_wav(std::span<const float> samples, int rate) {
  io::ByteVector format, out;
  const auto hertz = static_cast<uint32_t>(rate);
  io::append_little<uint16_t>(format, 1), io::append_little<uint16_t>(format, 1);
  io::append_little(format, hertz), io::append_little(format, hertz * 2);
  io::append_little<uint16_t>(format, 2), io::append_little<uint16_t>(format, 16);
  io::ByteVector data;
  data.reserve(samples.size() * 2);
  for (const float s : samples)
    io::append_little(data, static_cast<uint16_t>(static_cast<int16_t>(
                                std::clamp(std::nearbyint(s * 32768.f), -32768.f, 32767.f))));
  out = wav_header({format, data});
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

void write_wav(const std::string& path, std::span<const float> samples, int rate) {
  io::write_file_atomically(path, io::Bytes(to_wav(samples, rate)));
}

}  // namespace cairn::audio
