// ABC notation (standard 2.1): tunes as text. Read: keys and modes, lengths, broken rhythm,
// tuplets, chords, ties, repeats with their endings, voices. Passed over: chord symbols, lyrics,
// grace notes, decorations, slurs. docs/music.md has the rules.
#pragma once
#include <string_view>

#include "cairn/music/notes.h"

namespace cairn::music {

inline constexpr int64_t kAbcTicks = 960;  // of a quarter

// A score a tune, a track a voice. Throws Error naming file and line: no tune, a sign that is none,
// a tune of more than 100,000 bars (repeats within repeats). With `damaged` such tunes are left
// out, and it gets what was wrong with each; it throws where no other is left.
std::vector<Score> parse_abc(std::string_view text, const std::string& name,
                             std::vector<std::string>* damaged = nullptr);
std::vector<Score> read_abc(const std::string& path, std::vector<std::string>* damaged = nullptr);
bool is_abc_name(const std::string& path);

}  // namespace cairn::music
