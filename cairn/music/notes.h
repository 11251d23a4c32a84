// Music as notes on a line of ticks, whatever it was read from, and the sound of it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cairn::music {

struct Note {
  int64_t start = 0, end = 0;  // ticks
  int pitch = 60;              // MIDI's number: 60 is middle C
  int velocity = 64;
  int channel = 0, track = 0;
};
inline constexpr int kDrums = 9;  // the channel whose pitches are instruments

struct Tempo {
  int64_t tick = 0;
  int64_t microseconds = 500'000;  // of a quarter, from here on
};

struct Score {
  std::string name;
  int64_t ticks = 480;        // of a quarter
  std::vector<Note> notes;    // by start, then track, then pitch
  std::vector<Tempo> tempos;  // by tick; before the first 120 quarters a minute
  int64_t tracks = 1;
  // Of MIDI files, left out: notes that nothing ends, notes of no length, ends of no note.
  int64_t unended = 0, empty = 0, stray = 0;

  double seconds_at(int64_t tick) const;
  int64_t end() const;  // of the last note
};
void sort_notes(Score& score);

// One channel of samples at most `seconds` long: six harmonics a note that fade, as of a plucked
// string; full scale is 1, and the loudest sample of a score 0.9 of it. Throws Error for a score
// that is longer.
std::vector<float> synthesize(const Score& score, int rate = 22050, double seconds = 1800);

}  // namespace cairn::music
