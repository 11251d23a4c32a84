// Music to learn from: rolls of many pieces in three parts, from files of any kind that is read.
#pragma once
#include "cairn/music/roll.h"

namespace cairn::music {

struct RollSet {
  std::vector<Roll> train, validation, test;  // pieces with one step at least
  int64_t grid = 4;                           // steps of a quarter
  std::string file;                           // which of a folder's was taken, where it is one
  std::string left_out;                       // for people; "": nothing
};
struct RollOptions {
  int64_t grid = 4;     // of MIDI and ABC; JSON has its own, by its name
  bool voices = false;  // of several JSON files the one with voices is meant, else the shortest
};
// `source`:
//   "chorales"        drawn by the program: four voices that move through chords of a key
//   FILE.json[.gz]    {"train": [...], "valid": [...], "test": [...]}: pieces of steps of MIDI
//                     numbers; all steps of one size, or with -1 for silence: voices. Steps of a
//                     quarter by the name: quarter 1, 8th 2, 16th 4
//   FILE.mid, FILE.abc, or a folder of them. With folders train/, valid/ (validation/) and test/
//                     these parts; else of ten pieces in the order of their names the ninth is to
//                     validate and the tenth to test. (What lies in other folders is read only
//                     where the folder itself has none.)
//   a folder of JSON rolls
// A damaged file of a folder is left out and said. Throws Error naming the source when nothing is
// left.
RollSet open_rolls(const std::string& source, const RollOptions& options = {});

// As open_rolls reads them: for tests and fuzzing.
RollSet parse_json_rolls(std::string_view text, const std::string& name);
RollSet drawn_chorales(int64_t grid);
Roll drawn_chorale(int64_t number, int64_t grid);

// A piece in a file of any kind but JSON (of several the first). Throws Error.
Roll read_roll(const std::string& path, int64_t grid);
bool is_music_name(const std::string& path);

}  // namespace cairn::music
