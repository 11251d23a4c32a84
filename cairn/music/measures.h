// How music of voices sounds, in seven numbers that need no score of notes, and how sure they are.
//   pitch_classes      different pitch classes in a bar that is not empty (Dong et al. 2018: UPC)
//   melodic_interval   semitones from one note of a voice to its next, where it moves
//   consonance         part of the pairs of voices that sound together: unison, octave, thirds,
//                      fifth, sixths, and fourth but above the lowest voice
//   scale_consistency  largest part of what sounds that lies in one major scale
//   empty_bars         part of the bars of voices in which a voice is silent (EB)
//   polyphony          voices that sound in a step
//   note_length        steps of a note
#pragma once
#include <array>
#include <span>

#include "cairn/music/roll.h"

namespace cairn::music {

inline constexpr size_t kMeasures = 7;
extern const std::array<const char*, kMeasures> kMeasureNames;
using Values = std::array<double, kMeasures>;  // NaN: nothing there to measure

// Of a piece, or a window of one, in voices.
Values measure(const Roll& roll, int64_t steps_of_bar);

// The piece in C major or A minor: moved by -6 to 5 semitones, so that as much of what sounds as
// can be lies in C's scale; as it is where a key would leave the piano.
Roll in_c(const Roll& roll);

struct Estimate {
  double mean = 0, deviation = 0;  // of the mean, by 500 resamples of the groups
};
// Windows and the piece that each is of: those of a piece are alike, so pieces are drawn.
struct Measured {
  Values values;
  int64_t piece = 0;
};
std::array<Estimate, kMeasures> estimate(std::span<const Measured> windows, uint64_t seed);

// Part of the bars of `made` that stand in `known`, in whatever key and at whatever step; empty
// ones are not counted. NaN: there is none.
double copied_bars(const std::vector<Roll>& made, const std::vector<Roll>& known,
                   int64_t steps_of_bar);

// Windows of so many steps, one beginning with each bar.
std::vector<Roll> windows_of(const Roll& roll, int64_t steps, int64_t steps_of_bar);

}  // namespace cairn::music
