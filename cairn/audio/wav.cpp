#include "cairn/audio/wav.h"

#include <algorithm>

namespace cairn::audio {
namespace {

constexpr uint64_t kChunkHead = 8;
constexpr uint32_t kUnknown = 0xFFFFFFFF;

uint32_t little32(io::Bytes file, uint64_t at) {
  return uint32_t(file[at]) | uint32_t(file[at + 1]) << 8 | uint32_t(file[at + 2]) << 16 |
         uint32_t(file[at + 3]) << 24;
}

bool is_chunk(io::Bytes file, uint64_t at) {
  if (at + kChunkHead > file.size()) return false;
  return std::all_of(file.begin() + at, file.begin() + at + 4,
                     [](uint8_t c) { return c >= 0x20 && c < 0x7F; });
}

// Whether chunks follow one another from here to just the end: what a writer that knew all its
// sizes leaves behind.
bool chunks_to_the_end(io::Bytes file, uint64_t at) {
  while (is_chunk(file, at)) {
    const uint64_t size = little32(file, at + 4);
    at += kChunkHead + size + size % 2;
  }
  return at == file.size() || at == file.size() + 1;
}

// Chunks of odd size are followed by a byte that some writers leave out.
uint64_t next_chunk(io::Bytes file, uint64_t at) {
  const uint64_t size = little32(file, at + 4), end = at + kChunkHead + size;
  if (size % 2 == 0) return end;
  return !is_chunk(file, end + 1) && is_chunk(file, end) ? end : end + 1;
}

io::Bytes sound_of(io::Bytes file, uint64_t at, int64_t& missing) {
  const uint64_t begin = at + kChunkHead, left = file.size() - begin;
  const uint32_t stated = little32(file, at + 4);
  const bool streamed = stated == kUnknown || (stated == 0 && !chunks_to_the_end(file, begin));
  if (streamed) return file.subspan(begin);
  // Writers to pipes state about 2 GB: nobody's sound was cut there.
  if (stated > left && stated < 0x7FFFF000) missing = static_cast<int64_t>(stated - left);
  return file.subspan(begin, std::min<uint64_t>(stated, left));
}

}  // namespace

std::optional<WavPieces> find_wav_pieces(io::Bytes file, const std::string& name) {
  if (file.size() < 12 || io::text_of(file.first(4)) != "RIFF" ||
      io::text_of(file.subspan(8, 4)) != "WAVE")
    return {};
  WavPieces pieces;
  uint64_t at = 12;
  while (at + kChunkHead <= file.size()) {
    const std::string_view id = io::text_of(file.subspan(at, 4));
    const uint64_t size = little32(file, at + 4);
    if (id == "data") {
      check(!pieces.format.empty(), "'{}': its sound comes before its format (chunk 'fmt ')", name);
      pieces.data = sound_of(file, at, pieces.missing);
      return pieces;
    }
    if (id == "fmt ") {
      check(size >= 14 && size <= 4096 && size <= file.size() - at - kChunkHead,
            "'{}', byte {}: a format of {} bytes; 14 to 4096 can be read", name, at + 4, size);
      pieces.format = file.subspan(at + kChunkHead, size);
    }
    at = next_chunk(file, at);
  }
  fail("'{}' is a WAV file without sound (it has no chunk 'data')", name);
}

io::ByteVector wav_header(const WavPieces& pieces) {
  io::ByteVector head;
  const auto text = [&](std::string_view t) { head.insert(head.end(), t.begin(), t.end()); };
  const uint32_t format = static_cast<uint32_t>(pieces.format.size());
  const uint64_t padded = format + format % 2;
  const auto data = static_cast<uint32_t>(std::min<uint64_t>(pieces.data.size(), 0xFFFFFF00));
  const auto whole = static_cast<uint32_t>(std::min<uint64_t>(20 + padded + data, 0xFFFFFFFE));
  text("RIFF"), io::append_little(head, whole), text("WAVEfmt "), io::append_little(head, format);
  head.insert(head.end(), pieces.format.begin(), pieces.format.end());
  if (format % 2) head.push_back(0);
  text("data"), io::append_little(head, data);
  return head;
}

}  // namespace cairn::audio
