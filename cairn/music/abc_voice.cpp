#include "cairn/music/abc_voice.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "cairn/base/error.h"

namespace cairn::music {
namespace {

constexpr size_t kMostBars = 100'000;

// How many sharps a tonic of this letter has as a major key.
int sharps_of(char letter) {
  constexpr std::string_view kFifths = "FCGDAEB";
  return static_cast<int>(kFifths.find(letter)) - 1;
}
// How many fewer a mode has.
int sharps_of_mode(const std::string& mode) {
  constexpr std::pair<const char*, int> kModes[] = {
      {"maj", 0},  {"ion", 0},  {"mix", -1}, {"dor", -2}, {"m", -3},
      {"min", -3}, {"aeo", -3}, {"phr", -4}, {"loc", -5}, {"lyd", 1}};
  for (const auto& [name, sharps] : kModes)
    if (mode.substr(0, 3) == name) return sharps;
  return mode.empty() ? 0 : -100;
}

int place_of_letter(char letter) {
  constexpr std::string_view kLetters = "CDEFGAB";
  return static_cast<int>(
      kLetters.find(static_cast<char>(std::toupper(static_cast<unsigned char>(letter)))));
}

Accidentals with_sharps(int sharps) {
  Accidentals all{};
  for (int i = 0; i < std::abs(sharps); ++i) {
    const char letter = sharps > 0 ? "FCGDAEB"[i % 7] : "BEADGCF"[i % 7];
    all[static_cast<size_t>(place_of_letter(letter))] += sharps > 0 ? 1 : -1;
  }
  return all;
}

}  // namespace

Accidentals parse_key(const std::string& text, const std::string& where) {
  std::string key = text.substr(0, text.find("clef="));
  while (!key.empty() && key.back() == ' ') key.pop_back();
  if (key.empty() || key == "none" || key == "Hp")
    return key == "Hp" ? with_sharps(2) : with_sharps(0);
  if (key == "HP") return with_sharps(0);
  check(key[0] >= 'A' && key[0] <= 'G', "{}: '{}' is no key", where, text);
  size_t at = 1;
  int sharps = sharps_of(key[0]);
  if (at < key.size() && (key[at] == '#' || key[at] == 'b')) sharps += key[at++] == '#' ? 7 : -7;
  while (at < key.size() && key[at] == ' ') ++at;
  std::string mode;
  while (at < key.size() && std::isalpha(static_cast<unsigned char>(key[at])))
    mode += static_cast<char>(std::tolower(static_cast<unsigned char>(key[at++])));
  if (mode != "exp") {
    const int of_mode = sharps_of_mode(mode);
    check(of_mode > -100, "{}: '{}' is no key", where, text);
    sharps += of_mode;
  }
  Accidentals all = with_sharps(mode == "exp" ? 0 : sharps);
  for (; at < key.size(); ++at) {  // its own: "D ^g _b"
    const char sign = key[at];
    if (sign != '^' && sign != '_' && sign != '=') continue;
    if (at + 1 >= key.size() || place_of_letter(key[at + 1]) < 0 ||
        place_of_letter(key[at + 1]) > 6)
      continue;
    all[static_cast<size_t>(place_of_letter(key[++at]))] = sign == '^' ? 1 : sign == '_' ? -1 : 0;
  }
  return all;
}

namespace {

// Which bars come one after another.
std::vector<const AbcBar*> unrolled(const std::vector<AbcBar>& bars, const std::string& where) {
  std::vector<const AbcBar*> all;
  size_t begin = 0;
  int pass = 1;
  bool in_ending = false;
  for (size_t i = 0; i < bars.size(); ++i) {
    const AbcBar& bar = bars[i];
    if (bar.endings.empty() && in_ending) begin = i, pass = 1, in_ending = false;
    if (bar.repeat_begins && i != begin) begin = i, pass = 1;
    if (!bar.endings.empty() && !bar.endings.contains(pass)) continue;
    in_ending = !bar.endings.empty();
    all.push_back(&bar);
    check(all.size() <= kMostBars, "{}: more than {} bars with its repeats", where, kMostBars);
    if (bar.repeat_ends == 0) {
      if (bar.ends_endings && in_ending) begin = i + 1, pass = 1, in_ending = false;
      continue;
    }
    in_ending = false;
    if (pass <= bar.repeat_ends) ++pass, i = begin - 1;  // and on to `begin`
    else begin = i + 1, pass = 1;
  }
  return all;
}

}  // namespace

std::vector<Note> play(const std::vector<AbcBar>& bars, int track, const std::string& where) {
  std::vector<Note> notes;
  std::map<int, std::pair<size_t, int64_t>> tied;  // by pitch: the note, and where it goes on
  int64_t at = 0;
  for (const AbcBar* bar : unrolled(bars, where)) {
    for (const AbcNote& n : bar->notes) {
      const int64_t start = at + n.start, end = start + n.length;
      const auto before = tied.find(n.pitch);
      size_t place = notes.size();
      if (before != tied.end() && before->second.second == start) {
        place = before->second.first;
        notes[place].end = end;
      } else {
        notes.push_back({start, end, n.pitch, 80, 0, track});
      }
      if (n.tied) tied[n.pitch] = {place, end};
      else if (before != tied.end()) tied.erase(before);
    }
    at += bar->length;
  }
  return notes;
}

}  // namespace cairn::music
