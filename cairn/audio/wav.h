// The pieces of a WAV file, found by our own rules where headers are wrong (docs/sound.md).
#pragma once
#include <optional>
#include <string>

#include "cairn/io/bytes.h"

namespace cairn::audio {

struct WavPieces {
  io::Bytes format, data;
  int64_t missing = 0;  // bytes of sound that the header states and the file has not
};
// Nothing: it is no RIFF WAVE. Throws Error naming the file when it is one without a format or
// sound.
std::optional<WavPieces> find_wav_pieces(io::Bytes file, const std::string& name);
// A header for these pieces: a plain WAV file is this and then the data.
io::ByteVector wav_header(const WavPieces& pieces);

}  // namespace cairn::audio
