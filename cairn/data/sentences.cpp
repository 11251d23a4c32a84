#include "cairn/data/sentences.h"

#include <filesystem>

#include "cairn/base/error.h"
#include "cairn/base/philox.h"
#include "cairn/data/files.h"
#include "cairn/data/text.h"
#include "cairn/io/utf8.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kScenes = 4000, kTestScenes = 1000;

const char* const kSizes[] = {"small", "large", "young", "tall", "brown", "white", "black", "wet"};
const char* const kWho[] = {"dog",   "cat",  "horse", "man", "woman",
                            "child", "bird", "sheep", "bear"};
const char* const kDoing[] = {"sits on",       "stands near",  "runs past",   "looks at",
                              "sleeps beside", "waits behind", "walks around"};
const char* const kWhat[] = {"bench", "table", "boat",    "train",   "tree",
                             "house", "fence", "red car", "bicycle", "blue door"};
const char* const kWhere[] = {"in the park", "on the beach", "in a field",     "by the river",
                              "on a street", "in the snow",  "at the station", "in a kitchen"};

template <size_t n>
const char* one_of(const char* const (&words)[n], PhiloxStream& random) {
  return words[random.below(n)];
}

std::string make_scene(PhiloxStream random) {
  const uint32_t kind = random.below(4);
  std::string who = "a ";
  if (random.chance(0.6f)) (who += one_of(kSizes, random)) += ' ';
  who += one_of(kWho, random);
  const std::string at = std::string(one_of(kDoing, random)) + " a " + one_of(kWhat, random);
  const std::string where = one_of(kWhere, random);
  switch (kind) {
    case 0: return fmt::format("{} {} .", who, at);
    case 1: return fmt::format("{} {} {} .", who, at, where);
    case 2: return fmt::format("there is {} {} .", who, where);
    default: return fmt::format("{} {} and {} {} .", who, at, "a", one_of(kWho, random));
  }
}

std::vector<std::string> make_scenes(uint64_t part, int64_t count) {
  constexpr uint64_t kPurpose = 0x7363656e65;
  std::vector<std::string> scenes;
  for (int64_t i = 0; i < count; ++i)
    scenes.push_back(make_scene(PhiloxStream(philox_derive(part, kPurpose), i)));
  return scenes;
}

bool is_mark(char c) { return c == '.' || c == ',' || c == '?' || c == '!'; }

std::string cut_into_words(std::string_view line) {
  std::string words;
  size_t at = 0;
  const auto is_white = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  const auto add = [&](std::string_view word) {
    if (!words.empty()) words += ' ';
    words += word;
  };
  while (at < line.size()) {
    if (is_white(line[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < line.size() && !is_white(line[end])) ++end;
    std::string_view word = line.substr(at, end - at);
    size_t bare = word.size();
    while (bare > 0 && is_mark(word[bare - 1])) --bare;
    if (bare > 0) add(word.substr(0, bare));
    for (size_t i = bare; i < word.size(); ++i) add(word.substr(i, 1));
    at = end;
  }
  return words;
}

void add_lines(const std::string& file, std::vector<std::string>& to) {
  const std::string text = read_text(file);
  const size_t bad = io::find_invalid_utf8(text);
  check(bad == std::string_view::npos, "'{}', byte {}: not UTF-8; convert the file", file, bad + 1);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string words = cut_into_words(std::string_view(text).substr(at, end - at));
    if (!words.empty()) to.push_back(std::move(words));
    at = end + 1;
  }
}

Sentences of_folder(const std::string& folder) {
  Sentences all;
  LeftOut left_out;
  for (const fs::path& path : entries_of(folder)) {
    if (is_folder(path)) continue;
    if (!ends_with(path, ".txt") && !ends_with(path, ".txt.gz")) {
      left_out.add("other files", path);
      continue;
    }
    const bool test = path.filename().string().find("test") != std::string::npos;
    add_lines(path.string(), test ? all.test : all.train);
  }
  all.left_out = left_out.in_words();
  return all;
}

}  // namespace

Sentences open_sentences(const std::string& data) {
  if (data == "scenes") return {make_scenes(0, kScenes), make_scenes(1, kTestScenes), ""};
  check(!data.empty(), "no data: name a file of sentences, or 'scenes'");
  Sentences all;
  if (is_folder(data)) all = of_folder(data);
  else add_lines(data, all.train);
  check(!all.train.empty(), "'{}' has no sentence to learn from (.txt or .txt.gz, one a line)",
        data);
  return all;
}

std::string as_written(const std::string& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool mark = words[i] == ' ' && i + 1 < words.size() && is_mark(words[i + 1]) &&
                      (i + 2 == words.size() || words[i + 2] == ' ');
    if (!mark) text += words[i];
  }
  return text;
}

std::vector<std::string> words_of(const std::string& sentence) {
  std::vector<std::string> words;
  for (size_t at = 0; at < sentence.size();) {
    const size_t end = std::min(sentence.find(' ', at), sentence.size());
    if (end > at) words.push_back(sentence.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

}  // namespace cairn::data
