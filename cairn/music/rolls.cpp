#include "cairn/music/rolls.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "cairn/base/error.h"
#include "cairn/data/files.h"
#include "cairn/io/gzip.h"
#include "cairn/io/json.h"
#include "cairn/music/abc.h"
#include "cairn/music/midi.h"

namespace cairn::music {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

bool is_json_name(const fs::path& path) {
  return data::ends_with(path, ".json") ||
         (data::ends_with(path, ".gz") && data::ends_with(path.stem(), ".json"));
}

Chord parse_chord(const Json& step, const std::string& where) {
  check(step.is_array() && step.size() <= 128, "{}: a step is a list of MIDI numbers", where);
  Chord chord;
  for (const Json& key : step) {
    const double value = key.is_number() ? key.get<double>() : -2;  // some write 67.0
    check(value >= -1 && value <= 127 && value == std::floor(value),
          "{}: {} is no MIDI number (0 to 127; -1: silent)", where, key.dump());
    chord.push_back(static_cast<int>(value));
  }
  return chord;
}

// Voices where all steps of the file are of one size; else chords.
void settle(RollSet& set) {
  size_t voices = set.train.empty() ? 0 : set.train[0].steps[0].size();
  const auto for_all = [&](const auto& use) {
    for (auto* part : {&set.train, &set.validation, &set.test})
      for (Roll& roll : *part) use(roll);
  };
  for_all([&](const Roll& roll) {
    for (const Chord& c : roll.steps)
      if (c.size() != voices) voices = 0;
  });
  for_all([&](Roll& roll) {
    roll.voices = static_cast<int>(voices);
    for (Chord& c : roll.steps) {
      for (int& key : c)
        if (key != kSilent && (key < kLowest || key >= kLowest + kKeys))
          ++roll.outside, key = kSilent;
    }
    if (voices == 0) roll = in_chords(roll);
  });
}

std::vector<Roll> parse_part(const Json& file, std::initializer_list<const char*> names,
                             const std::string& name) {
  std::vector<Roll> part;
  for (const char* key : names) {
    if (!file.contains(key)) continue;
    const Json& pieces = file[key];
    check(pieces.is_array(), "'{}': '{}' is no list of pieces", name, key);
    for (size_t i = 0; i < pieces.size(); ++i) {
      const std::string where = fmt::format("'{}': piece {} of '{}'", name, i + 1, key);
      check(pieces[i].is_array() && std::ssize(pieces[i]) <= kMostSteps,
            "{} is no list of at most {} steps", where, kMostSteps);
      Roll roll{fmt::format("{} {}", key, i + 1), 0, {}, 0};
      for (const Json& step : pieces[i]) roll.steps.push_back(parse_chord(step, where));
      if (roll.steps.empty()) continue;
      part.push_back(std::move(roll));
    }
  }
  return part;
}

RollSet read_json_rolls(const std::string& path) {
  const auto bytes = io::read_maybe_gzip(path, uint64_t{256} << 20);
  RollSet set = parse_json_rolls(io::text_of(bytes), path);
  const std::string name = fs::path(path).filename();
  set.grid = name.find("quarter") != name.npos ? 1 : name.find("8th") != name.npos ? 2 : 4;
  set.file = path;
  return set;
}

int64_t steps_of(const RollSet& set) {
  int64_t steps = 0;
  for (const Roll& r : set.train) steps += std::ssize(r.steps);
  return steps;
}

std::vector<Score> scores_of(const std::string& path, std::vector<std::string>* damaged = nullptr) {
  return is_midi_name(path) ? read_midi(path).scores : read_abc(path, damaged);
}

// The pieces of files, damaged ones and silent ones left out; what the readers left out, counted.
std::vector<Roll> read_all(const std::vector<std::string>& files, int64_t grid,
                           data::LeftOut& left_out, int64_t& notes) {
  std::vector<Roll> pieces;
  for (const std::string& file : files) {
    try {
      std::vector<std::string> damaged;
      const std::vector<Score> scores = scores_of(file, &damaged);
      for (const std::string& tune : damaged) left_out.add("damaged tunes", tune);
      for (const Score& score : scores) {
        notes += score.unended + score.empty;
        Roll roll = to_roll(score, grid);
        notes += roll.outside;
        if (roll.steps.empty()) left_out.add("without notes", file);
        else pieces.push_back(std::move(roll));
      }
    } catch (const Error& e) {
      if (files.size() == 1) throw;
      left_out.add("damaged", file);
    }
  }
  return pieces;
}

std::vector<std::string> music_in(const fs::path& folder) {
  std::vector<std::string> files, below;
  for (const fs::path& entry : data::entries_of(folder)) {
    if (is_music_name(entry)) files.push_back(entry);
    else if (data::is_folder(entry))
      for (const std::string& file : music_in(entry)) below.push_back(file);
  }
  return files.empty() ? below : files;
}

RollSet open_files(const std::string& source, const RollOptions& o) {
  RollSet set;
  set.grid = o.grid;
  data::LeftOut left_out;
  int64_t notes = 0;
  if (fs::is_directory(fs::path(source) / "train")) {
    const auto part = [&](std::initializer_list<const char*> names) {
      for (const char* name : names)
        if (fs::is_directory(fs::path(source) / name))
          return read_all(music_in(fs::path(source) / name), o.grid, left_out, notes);
      return std::vector<Roll>();
    };
    set.train = part({"train"}), set.validation = part({"valid", "validation", "val"});
    set.test = part({"test"});
  } else {
    auto pieces =
        read_all(data::is_folder(source) ? music_in(source) : std::vector<std::string>{source},
                 o.grid, left_out, notes);
    for (size_t i = 0; i < pieces.size(); ++i)
      (i % 10 == 8   ? set.validation
       : i % 10 == 9 ? set.test
                     : set.train)
          .push_back(std::move(pieces[i]));
  }
  set.left_out = left_out.in_words();
  if (notes > 0)
    set.left_out += fmt::format("{}{} notes (never ended, of no length, or beyond a piano's keys)",
                                set.left_out.empty() ? "left out: " : ", ", notes);
  return set;
}

RollSet open_folder(const std::string& source, const RollOptions& o) {
  RollSet best;
  bool found = false;
  for (const fs::path& entry : data::entries_of(source)) {
    if (!is_json_name(entry)) continue;
    RollSet set = read_json_rolls(entry);
    if (set.train.empty()) continue;
    const bool voices = set.train[0].voices > 0;
    const bool better =
        !found || (voices != (best.train[0].voices > 0) ? voices == o.voices
                                                        : steps_of(set) < steps_of(best));
    if (better) best = std::move(set), found = true;
  }
  return found ? best : open_files(source, o);
}

}  // namespace

RollSet parse_json_rolls(std::string_view text, const std::string& name) {
  const Json file = io::parse_json(text, fmt::format("'{}'", name), 8);
  check(file.is_object() && file.contains("train"),
        "'{}': is no file of rolls: an object with lists 'train', 'valid' and 'test'", name);
  RollSet set{parse_part(file, {"train"}, name), parse_part(file, {"valid", "validation"}, name),
              parse_part(file, {"test"}, name)};
  settle(set);
  return set;
}

RollSet open_rolls(const std::string& source, const RollOptions& o) {
  if (source == "chorales" || source.empty()) return drawn_chorales(o.grid);
  std::error_code ignored;
  check(fs::exists(source, ignored), "'{}': there is no such file or folder of music", source);
  RollSet set;
  if (data::is_folder(source)) set = open_folder(source, o);
  else if (is_music_name(source)) set = open_files(source, o);
  else set = read_json_rolls(source);
  check(!set.train.empty(), "'{}': has no music to learn from (MIDI .mid, ABC .abc, or JSON rolls)",
        source);
  return set;
}

Roll read_roll(const std::string& path, int64_t grid) {
  check(is_music_name(path), "'{}': is no music by its name (.mid, .midi, .abc)", path);
  Roll roll = to_roll(scores_of(path).at(0), grid);
  check(!roll.steps.empty(), "'{}': has no notes", path);
  return roll;
}

bool is_music_name(const std::string& path) { return is_midi_name(path) || is_abc_name(path); }

}  // namespace cairn::music
