// Piano rolls: music cut into steps of one length, and which keys sound in each.
#pragma once
#include "cairn/io/image.h"
#include "cairn/music/notes.h"

namespace cairn::music {

// Keys as MIDI numbers them. Without voices: the sounding ones, each once, from the highest down.
// With voices: one each, always in the same order, kSilent where it rests.
using Chord = std::vector<int>;
inline constexpr int kSilent = -1;
inline constexpr int kLowest = 21, kKeys = 88;  // of a piano

struct Roll {
  std::string name;
  int voices = 0;  // 0: chords
  std::vector<Chord> steps;
  int64_t outside = 0;  // notes left out since no piano has them
};
inline constexpr int64_t kMostSteps = 1 << 20;

// `grid`: steps of a quarter. A note sounds from the step nearest to its beginning to the one
// nearest to its end, one at least; drums are left out. Throws Error for a score of more than
// kMostSteps steps.
Roll to_roll(const Score& score, int64_t grid);
// Keys that sound on become one note; a track a voice (of chords one).
Score to_score(const Roll& roll, int64_t grid, double quarters_a_minute = 100);

// The roll in voices from the highest down: of a chord with more notes than voices the lowest one
// and the highest others.
Roll in_voices(const Roll& roll, int voices);
// The roll in chords: what sounds, once each, from the highest down.
Roll in_chords(const Roll& roll);
// Moved by semitones; nothing where a key would leave the piano.
std::vector<Chord> transposed(const std::vector<Chord>& steps, int semitones);

// Time to the right, pitch upwards, a colour a voice; bars and octaves as lines.
io::Image picture_of(const Roll& roll, int64_t steps_of_bar, int scale = 4);

}  // namespace cairn::music
