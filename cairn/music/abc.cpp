#include "cairn/music/abc.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>

#include "cairn/data/files.h"
#include "cairn/io/file.h"
#include "cairn/music/abc_voice.h"

namespace cairn::music {
namespace {

constexpr int64_t kMostLength = 64 * 4 * kAbcTicks;  // of a note: 64 whole notes

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What a tune's lines say so far.
struct Voice {
  std::vector<AbcBar> bars = {{}};
  std::map<int, int> in_bar;  // accidentals by letter and octave, until the bar ends
  std::set<int> endings;      // in force
  Accidentals key{};
  std::vector<size_t> last;  // notes of the bar that came last together, for broken rhythm
  int64_t last_length = 0;
  double next_scale = 1;  // by a broken rhythm before it
  int tuplet_left = 0;
  double tuplet_scale = 1;
};

class TuneReader {
 public:
  TuneReader(std::string name, Score& score) : name_(std::move(name)), score_(score) {
    score_.ticks = kAbcTicks;
  }

  void field(char kind, std::string text, int64_t line) {
    line_ = line;
    while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.pop_back();
    text.erase(0, text.find_first_not_of(' '));
    if (kind == 'T' && score_.name.empty()) score_.name = text;
    if (kind == 'L') unit_ = whole_of(text);
    if (kind == 'M') meter(text);
    if (kind == 'Q') tempo(text);
    if (kind == 'K') {
      key_ = parse_key(text, where());
      if (in_body_) voice().key = key_;
      in_body_ = true;
    }
    if (kind == 'V' && in_body_) current_ = text.substr(0, text.find(' '));
  }

  void music(std::string_view line, int64_t number) {
    line_ = number, text_ = line, at_ = 0;
    check(in_body_, "{}: music before the key (K:)", where());
    if (unit_ == 0) unit_ = default_unit_;
    while (at_ < text_.size()) one();
  }

  void finish() {
    int track = 0;
    for (auto& [name, v] : voices_) {
      auto notes = play(v.bars, track++, name_);
      score_.notes.insert(score_.notes.end(), notes.begin(), notes.end());
    }
    score_.tracks = std::max(track, 1);
    sort_notes(score_);
  }

 private:
  std::string where() const { return fmt::format("'{}', line {}", name_, line_); }
  Voice& voice() {
    const auto [found, is_new] = voices_.try_emplace(current_);
    if (is_new) found->second.key = key_;
    return found->second;
  }
  char here(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  int64_t number() {
    int64_t value = 0;
    const char* begin = text_.data() + at_;
    const auto end = std::from_chars(begin, text_.data() + text_.size(), value);
    check(end.ec == std::errc() && value > 0 && value <= 4096, "{}: a length that is none",
          where());
    at_ += static_cast<size_t>(end.ptr - begin);
    return value;
  }
  // "3/8" of a whole note, in ticks.
  int64_t whole_of(const std::string& text) {
    text_ = text, at_ = 0;
    const double parts = factor();
    const auto ticks = static_cast<int64_t>(parts * 4 * kAbcTicks);
    check(ticks > 0 && ticks <= 4 * kAbcTicks, "{}: '{}' is no length of notes", where(), text);
    return ticks;
  }
  void meter(const std::string& text) {
    if (text.empty() || !is_digit(text[0]) || text.find('/') == std::string::npos) return;  // C
    text_ = text, at_ = 0;
    const double beats = static_cast<double>(number());
    if (here() != '/') return;
    ++at_;
    if (is_digit(here()) && beats / static_cast<double>(number()) < 0.75)
      default_unit_ = kAbcTicks / 4;
    else default_unit_ = kAbcTicks / 2;
  }
  // "1/4=120", "120", "\"Allegro\" 1/4=120".
  void tempo(std::string text) {
    const size_t equals = text.find('=');
    double quarters = 1;
    if (equals != std::string::npos) {
      const size_t begin = text.find_first_of("0123456789");
      if (begin > equals) return;
      text_ = text, at_ = begin;
      quarters = factor() * 4;
      text = text.substr(equals + 1);
    }
    text.erase(0, text.find_first_of("0123456789"));
    double a_minute = 0;
    std::from_chars(text.data(), text.data() + text.size(), a_minute);
    if (a_minute * quarters >= 5 && a_minute * quarters <= 10000)
      score_.tempos = {{0, static_cast<int64_t>(60e6 / (a_minute * quarters))}};
  }
  // "3", "3/2", "/", "//": how many units.
  double factor() {
    double value = is_digit(here()) ? static_cast<double>(number()) : 1;
    while (here() == '/') {
      ++at_;
      value /= is_digit(here()) ? static_cast<double>(number()) : 2.0;
    }
    return value;
  }
  void skip_to(char end) {
    const size_t found = text_.find(end, at_ + 1);
    check(found != std::string_view::npos, "{}: '{}' has no end", where(), here());
    at_ = found + 1;
  }

  void one() {
    const char c = here();
    if (c == '%') {
      at_ = text_.size();
    } else if (c == '"' || c == '!' || c == '+') {
      skip_to(c);
    } else if (c == '{') {
      skip_to('}');
    } else if (c == '|' || c == ':' || (c == '[' && (here(1) == '|' || is_digit(here(1))))) {
      bar_line();
    } else if (c == '[' && here(1) != '\0' && here(2) == ':') {
      const size_t end = text_.find(']', at_);
      check(end != std::string_view::npos, "{}: '[' has no end", where());
      const std::string_view kept = text_;
      field(here(1), std::string(text_.substr(at_ + 3, end - at_ - 3)), line_);
      text_ = kept, at_ = end + 1;
    } else if (c == '[') {
      chord();
    } else if (c == '(') {
      ++at_;
      if (is_digit(here())) tuplet();
    } else if (c == '>' || c == '<') {
      broken();
    } else if (c == 'z' || c == 'x' || c == 'Z' || c == 'X') {
      rest();
    } else if (is_note(c)) {
      const int pitch = read_pitch();
      const double units = factor();
      add({pitch}, units);
    } else {
      check(std::string_view(" \t\r)\\`.~-$*;?]yHIJKLMNOPQRSTUVWhijklmnopqrstuvw").find(c) !=
                std::string_view::npos,
            "{}: '{}' is no sign of ABC that is read here", where(), c);
      if (c == '-') tie();
      ++at_;
    }
  }

  static bool is_note(char c) {
    return (c >= 'A' && c <= 'G') || (c >= 'a' && c <= 'g') || c == '^' || c == '_' || c == '=';
  }
  int read_pitch() {
    int sign = 0;
    bool given = false;
    for (; here() == '^' || here() == '_' || here() == '='; ++at_) {
      given = true;
      sign += here() == '^' ? 1 : here() == '_' ? -1 : 0;
    }
    const char letter = here();
    check((letter >= 'A' && letter <= 'G') || (letter >= 'a' && letter <= 'g'),
          "{}: a sharp or flat of no note", where());
    ++at_;
    constexpr int kSemitones[] = {9, 11, 0, 2, 4, 5, 7}, kPlaces[] = {5, 6, 0, 1, 2, 3, 4};
    const bool high = letter >= 'a';
    const int index = letter - (high ? 'a' : 'A');
    int octave = high ? 6 : 5;
    for (; here() == '\'' || here() == ','; ++at_) octave += here() == '\'' ? 1 : -1;
    Voice& v = voice();
    const int place = octave * 7 + kPlaces[index];
    if (given) v.in_bar[place] = sign;
    const auto in_bar = v.in_bar.find(place);
    const int change =
        in_bar != v.in_bar.end() ? in_bar->second : v.key[static_cast<size_t>(kPlaces[index])];
    const int pitch = octave * 12 + kSemitones[index] + change;
    check(pitch >= 0 && pitch <= 127, "{}: a note outside of MIDI's 128 pitches", where());
    return pitch;
  }

  void add(const std::vector<int>& pitches, double units) {
    Voice& v = voice();
    double scale = units * v.next_scale;
    v.next_scale = 1;
    if (v.tuplet_left > 0) scale *= v.tuplet_scale, --v.tuplet_left;
    const auto length = static_cast<int64_t>(std::llround(scale * static_cast<double>(unit_)));
    check(length > 0 && length <= kMostLength, "{}: a note of {} ticks", where(), length);
    AbcBar& bar = v.bars.back();
    v.last.clear(), v.last_length = length;
    for (const int pitch : pitches) {
      v.last.push_back(bar.notes.size());
      bar.notes.push_back({bar.length, length, pitch});
    }
    bar.length += length;
  }
  void rest() {
    const bool bars = here() == 'Z' || here() == 'X';
    ++at_;
    const double units = factor();
    add({}, bars ? units * 4 * static_cast<double>(kAbcTicks) / static_cast<double>(unit_) : units);
  }
  void chord() {
    ++at_;
    std::vector<int> pitches;
    double units = 1;
    bool tied = false;
    while (here() != ']') {
      check(here() != '\0', "{}: '[' has no end", where());
      if (!is_note(here())) {
        tied |= here() == '-';
        ++at_;
        continue;
      }
      pitches.push_back(read_pitch());
      const double its = factor();
      if (pitches.size() == 1) units = its;
    }
    ++at_;
    units *= factor();
    if (!pitches.empty()) add(pitches, units);
    if (tied) tie();
  }
  // (p:q:r - p notes in the time of q, for the next r.
  void tuplet() {
    const int64_t p = number();
    int64_t q = p == 2 || p == 4 || p == 8 ? 3 : 2, r = p;
    if (here() == ':') {
      ++at_;
      if (is_digit(here())) q = number();
      if (here() == ':') {
        ++at_;
        if (is_digit(here())) r = number();
      }
    }
    Voice& v = voice();
    v.tuplet_left = static_cast<int>(r);
    v.tuplet_scale = static_cast<double>(q) / static_cast<double>(p);
  }
  void broken() {
    const char sign = here();
    int count = 0;
    for (; here() == sign; ++at_) ++count;
    Voice& v = voice();
    if (v.last_length == 0 || count > 4) return;
    const double small = std::exp2(-count), before = sign == '>' ? 2 - small : small;
    v.next_scale = 2 - before;
    AbcBar& bar = v.bars.back();
    const auto changed =
        static_cast<int64_t>(std::llround(before * static_cast<double>(v.last_length)));
    if (changed == 0 || bar.length < v.last_length) return;
    for (const size_t i : v.last) bar.notes[i].length = changed;
    bar.length += changed - v.last_length;
    v.last_length = 0;
  }
  void tie() {
    Voice& v = voice();
    for (const size_t i : v.last) v.bars.back().notes[i].tied = true;
  }

  // Bar lines of every kind: | || |] [| |: :| :: |1 :|2 [1
  void bar_line() {
    int ends = 0, begins = 0;
    bool line = false, strong = false;
    for (;; ++at_) {
      const char c = here();
      if (c == ':') ++(line ? begins : ends);
      else if (c == '|') strong |= line, line = true;
      else if ((c == ']' && line) || (c == '[' && here(1) == '|')) strong = true;
      else break;
    }
    if (!line && begins == 0 && ends >= 2) begins = ends / 2, ends = (ends + 1) / 2;  // "::"
    std::set<int> endings;
    if (here() == '[' && is_digit(here(1))) ++at_;
    if (is_digit(here()))
      for (;;) {
        endings.insert(static_cast<int>(std::min<int64_t>(number(), 64)));
        if ((here() != ',' && here() != '-') || !is_digit(here(1))) break;
        ++at_;
      }
    close_bar(ends, begins > 0, strong, endings);
  }
  void close_bar(int ends, bool begins, bool strong, const std::set<int>& endings) {
    Voice& v = voice();
    AbcBar& bar = v.bars.back();
    bar.repeat_ends = std::max(bar.repeat_ends, std::min(ends, 8));
    bar.ends_endings |= strong;
    if (strong || ends > 0 || begins) v.endings.clear();
    if (!endings.empty()) v.endings = endings;
    v.in_bar.clear(), v.last.clear(), v.last_length = 0;
    if (bar.length == 0 && bar.repeat_ends == 0) {  // nothing stood between two lines
      bar.repeat_begins |= begins, bar.endings = v.endings;
      return;
    }
    check(v.bars.size() < 100'000, "{}: more than 100000 bars", where());
    v.bars.emplace_back();
    v.bars.back().repeat_begins = begins, v.bars.back().endings = v.endings;
  }

  std::string name_;
  Score& score_;
  int64_t line_ = 0, unit_ = 0, default_unit_ = kAbcTicks / 2;
  bool in_body_ = false;
  Accidentals key_{};
  std::string current_;
  std::map<std::string, Voice> voices_;
  std::string_view text_;
  size_t at_ = 0;
};

bool is_field(std::string_view line) {
  return line.size() >= 2 && line[1] == ':' &&
         ((line[0] >= 'A' && line[0] <= 'Z') || line[0] == 'w' || line[0] == 's' ||
          line[0] == 'r' || line[0] == 'm');
}

}  // namespace

std::vector<Score> parse_abc(std::string_view text, const std::string& name,
                             std::vector<std::string>* damaged) {
  std::vector<Score> tunes;
  std::unique_ptr<TuneReader> reader;
  const size_t before = damaged ? damaged->size() : 0;
  const auto attempt = [&](const auto& step) {
    try {
      step();
    } catch (const Error& e) {
      if (!damaged) throw;
      damaged->push_back(e.what());
      reader.reset(), tunes.pop_back();  // what follows until the next tune is passed over
    }
  };
  const auto finish = [&] {
    if (reader) attempt([&] { reader->finish(); });
    reader.reset();
  };
  int64_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1, ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      finish();  // an empty line ends a tune
    } else if (line.starts_with("X:")) {
      finish();
      check(tunes.size() < 1'000'000, "'{}': more than a million tunes", name);
      tunes.emplace_back();
      reader = std::make_unique<TuneReader>(name, tunes.back());
    } else if (reader && line[0] != '%') {  // else: text between tunes, or a remark
      attempt([&] {
        if (!is_field(line)) reader->music(line, number);
        else reader->field(line[0], std::string(line.substr(2, line.substr(2).find('%'))), number);
      });
    }
  }
  finish();
  check(!tunes.empty(), "{}",
        damaged && damaged->size() > before
            ? (*damaged)[before]
            : fmt::format("'{}': is no ABC: no tune begins in it (a line 'X: 1')", name));
  return tunes;
}

std::vector<Score> read_abc(const std::string& path, std::vector<std::string>* damaged) {
  return parse_abc(io::read_text_file(path, uint64_t{64} << 20), path, damaged);
}

bool is_abc_name(const std::string& path) { return data::ends_with(path, ".abc"); }

}  // namespace cairn::music
