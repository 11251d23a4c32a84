#include "cairn/data/summaries.h"

#include <algorithm>

#include "cairn/base/error.h"
#include "cairn/base/json.h"
#include "cairn/base/philox.h"
#include "cairn/data/files.h"
#include "cairn/io/lines.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

// ---- made by the program

std::string made_name(PhiloxStream& random) {
  static const char* const kParts[] = {"ba", "de", "fi", "go", "hu", "ka", "le", "mi",
                                       "no", "ru", "sa", "te", "vi", "wo", "zu", "ya"};
  std::string name;
  for (int i = 0; i < 3; ++i) name += kParts[random.below(16)];
  name[0] = static_cast<char>(name[0] - 'a' + 'A');
  return name;
}

// Somebody asks somebody else for something: the summary says who does what, and names are copied.
Summarized made_errand(PhiloxStream& random) {
  static const char* const kThings[] = {"bread", "apples", "tickets", "a lamp", "two chairs",
                                        "milk",  "paint",  "a map",   "stamps", "flowers"};
  static const char* const kDays[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday"};
  static const char* const kChat[] = {"What a day it was.", "I have slept badly.",
                                      "The bus was late again.", "My sister sends her love.",
                                      "It will rain, they say."};
  const std::string asks = made_name(random), goes = made_name(random), town = made_name(random);
  const std::string thing = kThings[random.below(10)], day = kDays[random.below(5)];
  std::string text = fmt::format("{}: Hello {}. {}\n", asks, goes, kChat[random.below(5)]);
  text += fmt::format("{}: {}\n", goes, kChat[random.below(5)]);
  text += fmt::format("{}: Could you buy {} in {} on {}?\n", asks, thing, town, day);
  text += fmt::format("{}: Yes, I can. {}", goes, kChat[random.below(5)]);
  return {text, {fmt::format("{} will buy {} for {} in {} on {}.", goes, thing, asks, town, day)}};
}

SummarySplits made_errands() {
  SummarySplits made;
  PhiloxStream random(20170414);
  for (int i = 0; i < 3000; ++i) made.train.push_back(made_errand(random));
  for (int i = 0; i < 100; ++i) made.validation.push_back(made_errand(random));
  for (int i = 0; i < 100; ++i) made.test.push_back(made_errand(random));
  return made;
}

// ---- files

std::string joined(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::string text;
  for (const Json& sentence : value)
    text += (text.empty() ? "" : "\n") + sentence.get<std::string>();
  return text;
}

bool is_text(const Json& value) {
  return value.is_string() ||
         (value.is_array() &&
          std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_string(); }));
}

}  // namespace

Summarized parse_summarized(const std::string& line, const std::string& path, int64_t number,
                            bool with_summaries) {
  const Json entry = Json::parse(line, nullptr, false);
  check(entry.is_object(), "'{}', line {}: no JSON object", path, number);
  Summarized s;
  bool has_text = false;
  for (const auto& [key, value] : entry.items()) {
    const bool summary = key.starts_with("summary") || key == "target" || key == "highlights";
    const bool text = key == "dialogue" || key == "document" || key == "text" || key == "article" ||
                      key == "source";
    if (!text && !(summary && with_summaries)) continue;
    check(is_text(value), "'{}', line {}: \"{}\" is neither a text nor a list of texts", path,
          number, key);
    if (text && !has_text) s.text = joined(value), has_text = true;
    else if (summary && value.is_string()) s.summaries.push_back(value.get<std::string>());
    else if (summary)
      for (const Json& one : value) s.summaries.push_back(one.get<std::string>());
  }
  check(has_text,
        "'{}', line {}: no text under \"dialogue\", \"document\", \"text\", \"article\" "
        "or \"source\"",
        path, number);
  check(!with_summaries || !s.summaries.empty(), "'{}', line {}: no \"summary\"", path, number);
  return s;
}

namespace {

std::vector<Summarized> read_summaries(const std::string& path) {
  std::vector<Summarized> all;
  int64_t number = 0;
  for (const std::string& line : io::read_lines(path))
    if (++number; !line.empty()) all.push_back(parse_summarized(line, path, number));
  check(!all.empty(), "'{}' is empty", path);
  return all;
}

}  // namespace

SummarySplits open_summaries(const std::string& data) {
  if (data == "errands") return made_errands();
  SummarySplits splits;
  if (!is_folder(data)) {
    splits.train = read_summaries(data);
    return splits;
  }
  for (const fs::path& path : entries_of(data)) {
    const std::string name = path.filename().string();
    if (!ends_with(path, ".jsonl") && !name.ends_with(".jsonl.gz")) continue;
    const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
    auto* part = has("train")               ? &splits.train
                 : has("dev") || has("val") ? &splits.validation
                 : has("test")              ? &splits.test
                                            : nullptr;
    if (!part) continue;
    check(part->empty(), "the folder '{}' has several files for one part, '{}' is the second", data,
          name);
    *part = read_summaries(path.string());
  }
  check(!splits.train.empty() || !splits.test.empty() || !splits.validation.empty(),
        "the folder '{}' has no *train*.jsonl (or .jsonl.gz), *dev* or *test*", data);
  return splits;
}

std::string lead_of(const std::string& text, int64_t sentences) {
  const bool lines = text.find('\n') != std::string::npos;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool ends = lines ? text[at] == '\n'
                            : (text[at] == '.' || text[at] == '!' || text[at] == '?') &&
                                  (at + 1 == text.size() || text[at + 1] == ' ');
    if (ends && --sentences == 0) return text.substr(0, lines ? at : at + 1);
  }
  return text;
}

}  // namespace cairn::data
