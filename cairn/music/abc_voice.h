// A voice of a tune in ABC as it is read: bars of notes, and what becomes of them when it is
// played.
#pragma once
#include <array>
#include <map>
#include <set>

#include "cairn/music/notes.h"

namespace cairn::music {

// Sharps (1) and flats (-1) by letter, c = 0. Throws Error with `where` for what is no key.
using Accidentals = std::array<int, 7>;
Accidentals parse_key(const std::string& text, const std::string& where);

struct AbcNote {
  int64_t start = 0, length = 0;  // from the bar's beginning
  int pitch = 0;
  bool tied = false;  // goes on in the next note of its pitch
};
struct AbcBar {
  std::vector<AbcNote> notes;
  int64_t length = 0;
  bool repeat_begins = false;
  int repeat_ends = 0;        // how often it is repeated from here
  std::set<int> endings;      // played in these passes only; none: in all
  bool ends_endings = false;  // behind it, none is in force
};

// Bars as they are played one after another, ties joined. Throws Error with `where` for too many.
std::vector<Note> play(const std::vector<AbcBar>& bars, int track, const std::string& where);

}  // namespace cairn::music
