#include "cairn/data/speech.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "cairn/audio/sound.h"
#include "cairn/base/error.h"
#include "cairn/data/files.h"
#include "cairn/io/csv.h"
#include "cairn/io/gzip.h"
#include "cairn/io/json.h"
#include "cairn/io/lines.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;
const Names kAudioNames{"audio", "path", "file", "audio_filepath", "wav"};
const Names kTextNames{"text", "sentence", "transcript", "label"};

SpeechPart& part_named(SpeechSet& set, const std::string& name, const std::string& from) {
  if (name.starts_with("train")) return set.train;
  if (name.starts_with("val") || name.starts_with("dev")) return set.validation;
  check(name.starts_with("test"), "'{}': a part '{}'; train, validation and test can be told apart",
        from, name);
  return set.test;
}

// A file beside its list, or by its whole path; it must be there.
std::string audio_file(const fs::path& list, const std::string& name, const std::string& from) {
  const fs::path path = fs::path(name).is_absolute() ? fs::path(name) : list.parent_path() / name;
  if (is_file(path)) return path.string();
  const fs::path in_clips = list.parent_path() / "clips" / name;
  check(is_file(in_clips), "{}: '{}' is not there", from, path.string());
  return in_clips.string();
}

void add_line(SpeechSet& set, SpeechPart& usual, const std::string& list, int64_t line,
              const std::string& audio, const std::string& text, const std::string& split) {
  const std::string from = fmt::format("'{}', line {}", list, line);
  check(!audio.empty(), "{}: no file is named", from);
  SpeechPart& part = split.empty() ? usual : part_named(set, split, from);
  part.utterances.push_back(
      {fs::path(audio).stem().string(), text, from, audio_file(list, audio, from)});
}

int64_t column(const Names& names, const Names& wanted) {
  for (const std::string& w : wanted)
    for (size_t i = 0; i < names.size(); ++i)
      if (names[i] == w) return static_cast<int64_t>(i);
  return -1;
}

struct Row {
  int64_t line;
  Names cells;
};
struct Rows {
  Names names;
  std::vector<Row> rows;  // each as long as names
};

// A list whose first line says what stands between the cells. Between tabs quotes are letters, as
// in Common Voice's sentences.
Rows read_rows(const std::string& path) {
  Rows all;
  const auto take = [&](int64_t line, Names& cells) {
    if (all.names.empty()) {
      all.names = std::move(cells);
      std::set<std::string> seen;
      for (const std::string& name : all.names)
        check(name.empty() || seen.insert(name).second, "'{}': two columns are called '{}'", path,
              name);
      return;
    }
    check(cells.size() == all.names.size(), "'{}', line {}: {} cells, the first line has {}", path,
          line, cells.size(), all.names.size());
    all.rows.push_back({line, std::move(cells)});
  };
  const io::ByteVector bytes = io::read_maybe_gzip(path);
  const std::string_view text = io::text_of(bytes);
  const char delimiter = io::find_delimiter(text);
  int64_t number = 0;
  if (delimiter != '\t') io::for_each_record(text, path, delimiter, take);
  else
    for (const std::string& line : io::lines_of(text, path)) {
      Names cells = io::cells_between(line, '\t');
      if (++number, !line.empty()) take(number, cells);
    }
  check(!all.names.empty(), "'{}' is empty", path);
  return all;
}

// The place of the first of these columns that there is.
int64_t needed_column(const Rows& table, const std::string& path, const Names& wanted) {
  const int64_t at = column(table.names, wanted);
  check(at >= 0, "'{}', line 1: no column {}", path, fmt::join(wanted, " or "));
  return at;
}

void read_table(const std::string& path, SpeechSet& set, SpeechPart& part) {
  const Rows table = read_rows(path);
  const int64_t audio = needed_column(table, path, kAudioNames);
  const int64_t words = needed_column(table, path, kTextNames);
  const int64_t split = column(table.names, {"split"});
  for (const auto& [line, cells] : table.rows)
    add_line(set, part, path, line, cells[audio], cells[words], split < 0 ? "" : cells[split]);
}

void read_objects(const std::string& path, SpeechSet& set, SpeechPart& part) {
  int64_t line = 0;
  for (const std::string& row : io::read_lines(path)) {
    ++line;
    if (row.empty()) continue;
    const auto object = io::parse_json(row, fmt::format("'{}', line {},", path, line));
    check(object.is_object(), "'{}', line {}: no JSON object", path, line);
    const auto text_of = [&](const Names& names, bool needed) -> std::string {
      for (const std::string& name : names)
        if (object.contains(name) && object[name].is_string())
          return object[name].get<std::string>();
      check(!needed, "'{}', line {}: no text under any of {}", path, line, fmt::join(names, ", "));
      return "";
    };
    add_line(set, part, path, line, text_of(kAudioNames, true), text_of(kTextNames, true),
             text_of({"split"}, false));
  }
}

std::string without_gz(std::string path) {
  if (path.ends_with(".gz")) path.resize(path.size() - 3);
  return path;
}
bool is_objects(const std::string& path) { return without_gz(path).ends_with(".jsonl"); }
bool is_manifest(const std::string& path) { return is_objects(path) || io::is_csv_name(path); }

void read_manifest(const std::string& path, SpeechSet& set, SpeechPart& part) {
  if (is_objects(path)) read_objects(path, set, part);
  else read_table(path, set, part);
}

// AN4: 16-bit numbers, 1600 of them 1, 13 a frame.
SpeechPart read_an4(const std::string& folder, const std::string& name) {
  constexpr int64_t kSize = 13;
  const std::string table = folder + "/" + name + ".tsv",
                    file = folder + "/" + name + ".mfcc13.i16.gz";
  const io::ByteVector bytes = io::read_maybe_gzip(file);
  auto features = std::make_shared<ReadyFeatures>();
  features->size = kSize, features->values.resize(bytes.size() / 2);
  for (size_t i = 0; i < features->values.size(); ++i)
    features->values[i] =
        static_cast<float>(static_cast<int16_t>(bytes[2 * i] | bytes[2 * i + 1] << 8)) / 1600;
  const auto rows = static_cast<int64_t>(features->values.size()) / kSize;
  const Rows list = read_rows(table);
  std::vector<int64_t> at;
  for (const char* name : {"utterance", "first_frame", "frames", "transcript"})
    at.push_back(needed_column(list, table, {name}));
  SpeechPart part{{}, features};
  for (const Row& entry : list.rows) {
    const Names& row = entry.cells;
    const std::string from = fmt::format("'{}', line {}", table, entry.line);
    const auto number = [&](size_t c) {
      const std::string& cell = row[at[c]];
      int64_t value = -1;
      const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
      check(error == std::errc() && end == cell.data() + cell.size() && value >= 0,
            "{}: '{}' is no number of frames", from, cell);
      return value;
    };
    const int64_t first = number(1), frames = number(2);
    check(frames > 0 && first <= rows && frames <= rows - first, "{}: frames {} to {}, '{}' has {}",
          from, first, first + frames, file, rows);
    part.utterances.push_back({row[at[0]], row[at[3]], from, "", first, frames});
  }
  return part;
}

// All files below a folder, in the order of their names.
void files_below(const fs::path& folder, std::vector<fs::path>& files, int depth = 0) {
  if (depth > 8) return;
  for (const fs::path& entry : entries_of(folder)) {
    if (is_folder(entry)) files_below(entry, files, depth + 1);
    else files.push_back(entry);
  }
}

void read_librispeech(const fs::path& folder, const std::vector<fs::path>& files, SpeechSet& set) {
  for (const fs::path& list : files) {
    if (!list.string().ends_with(".trans.txt")) continue;
    const std::string top = list.lexically_relative(folder).begin()->string();
    const bool named =
        top.starts_with("train") || top.starts_with("dev") || top.starts_with("test");
    SpeechPart& part = named ? part_named(set, top, list.string()) : set.train;
    int64_t line = 0;
    for (const std::string& row : io::read_lines(list.string())) {
      ++line;
      if (row.empty()) continue;
      const size_t blank = row.find(' ');
      const std::string from = fmt::format("'{}', line {}", list.string(), line);
      check(blank != std::string::npos, "{}: no blank between name and text", from);
      const std::string id = row.substr(0, blank);
      std::string audio;
      for (const char* ending : {".flac", ".wav", ".mp3"})
        if (is_file(list.parent_path() / (id + ending)))
          audio = (list.parent_path() / (id + ending)).string();
      check(!audio.empty(), "{}: '{}' is not there", from,
            (list.parent_path() / (id + ".flac")).string());
      part.utterances.push_back({id, row.substr(blank + 1), from, audio});
    }
  }
}

// "7_jackson_32": 7, and 32; false: no such name.
bool is_fsdd(const std::string& stem, int64_t& index) {
  if (stem.size() < 5 || stem[0] < '0' || stem[0] > '9' || stem[1] != '_') return false;
  const size_t last = stem.rfind('_');
  if (last < 3 || last + 1 == stem.size()) return false;
  const auto [end, error] =
      std::from_chars(stem.data() + last + 1, stem.data() + stem.size(), index);
  return error == std::errc() && end == stem.data() + stem.size();
}

bool read_fsdd(const std::vector<fs::path>& sounds, SpeechSet& set) {
  for (const fs::path& file : sounds) {
    const std::string stem = file.stem().string();
    int64_t index = 0;
    if (!is_fsdd(stem, index)) return false;
    SpeechPart& part = index < 5 ? set.test : set.train;
    part.utterances.push_back({stem, stem.substr(0, 1), "'" + file.string() + "'", file.string()});
  }
  return !sounds.empty();
}

// A text beside each file, or a folder for each class.
void read_folder(const fs::path& folder, const std::vector<fs::path>& sounds, SpeechSet& set) {
  LeftOut left_out;
  for (const fs::path& file : sounds) {
    fs::path text = file;
    text.replace_extension(".txt");
    std::string said;
    if (is_file(text)) {
      const auto lines = io::read_lines(text.string());
      for (const std::string& line : lines) said += (said.empty() ? "" : " ") + line;
    } else if (file.parent_path() != folder) {
      said = file.parent_path().filename().string();
    } else {
      left_out.add("without a text beside them", file);
      continue;
    }
    const std::string top = file.lexically_relative(folder).begin()->string();
    SpeechPart& part = top == "test" || top == "val" || top == "dev" || top == "validation"
                           ? part_named(set, top, file.string())
                           : set.train;
    part.utterances.push_back(
        {file.stem().string(), said, "'" + file.string() + "'", file.string()});
  }
  set.left_out = left_out.in_words();
}

SpeechSet open_folder(const std::string& folder) {
  SpeechSet set;
  const auto in = [&](const std::string& name) { return folder + "/" + name; };
  if (is_file(in("train.tsv")) && is_file(in("train.mfcc13.i16.gz"))) {
    set.layout = "AN4";
    set.train = read_an4(folder, "train");
    if (is_file(in("test.tsv"))) set.test = read_an4(folder, "test");
    return set;
  }
  for (const fs::path& entry : entries_of(folder)) {
    const std::string name = entry.filename().string();
    const std::string stem = fs::path(without_gz(name)).stem().string();
    static const std::set<std::string> kParts{"train", "val",  "valid",    "validation",
                                              "dev",   "test", "validated"};
    if (!is_file(entry) || !is_manifest(name) || !kParts.contains(stem)) continue;
    if (stem == "validated" && is_file(in("train.tsv"))) continue;  // Common Voice: all parts of it
    set.layout = is_folder(in("clips")) ? "Common Voice" : "manifest";
    read_manifest(entry.string(), set,
                  stem == "validated" ? set.train : part_named(set, stem, name));
  }
  if (!set.layout.empty()) return set;
  std::vector<fs::path> files, sounds;
  files_below(folder, files);
  for (const fs::path& f : files)
    if (audio::is_sound_name(f.string())) sounds.push_back(f);
  const bool libri = std::any_of(files.begin(), files.end(), [](const fs::path& f) {
    return f.string().ends_with(".trans.txt");
  });
  if (libri) set.layout = "LibriSpeech", read_librispeech(folder, files, set);
  else if (read_fsdd(sounds, set)) set.layout = "FSDD";
  else set = {}, set.layout = "folder", read_folder(folder, sounds, set);
  return set;
}

SpeechSet draw() {
  SpeechSet set;
  set.layout = "tones";
  int64_t number = 0;
  const auto add = [&](SpeechPart& part, int64_t count) {
    for (int64_t i = 0; i < count; ++i, ++number) {
      Utterance u{fmt::format("tones-{}", number), "", "tones", "", number};
      drawn_speech(number, &u.text);
      part.utterances.push_back(std::move(u));
    }
  };
  add(set.train, 600), add(set.validation, 60), add(set.test, 60);
  return set;
}

}  // namespace

SpeechSet open_speech(const std::string& data) {
  if (data == "tones") return draw();
  SpeechSet set;
  if (is_folder(data)) {
    set = open_folder(data);
  } else {
    check(is_file(data), "'{}' is not there", data);
    check(is_manifest(data), "'{}' is no folder and no list of recordings (.tsv, .csv, .jsonl)",
          data);
    set.layout = "manifest";
    read_manifest(data, set, set.train);
  }
  check(!set.train.utterances.empty() || !set.test.utterances.empty() ||
            !set.validation.utterances.empty(),
        "'{}' holds no recordings with texts (looked for manifests, LibriSpeech's *.trans.txt, "
        "FSDD's names, NAME.txt beside NAME.wav, a folder for each class)",
        data);
  return set;
}

}  // namespace cairn::data
