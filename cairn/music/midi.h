// Standard MIDI files (MIDI 1.0, RP-001) of type 0, 1 and 2, read and written. Why no library reads
// them, and which rule holds where readers differ: docs/music.md.
#pragma once
#include "cairn/io/bytes.h"
#include "cairn/music/notes.h"

namespace cairn::music {

struct MidiFile {
  int format = 1;
  // Of type 0 and 1 one score; of type 2, whose tracks are pieces of their own, one a track.
  std::vector<Score> scores;
  std::string warning;  // what was passed over; "": nothing
};
// Throws Error naming file and byte: no MIDI file, cut short, damaged, of SMPTE time.
MidiFile parse_midi(io::Bytes bytes, const std::string& name);
MidiFile read_midi(const std::string& path);
bool is_midi_name(const std::string& path);  // by its ending

// Type 1: the tempos, then a track for each of the score's.
io::ByteVector to_midi(const Score& score);

}  // namespace cairn::music
