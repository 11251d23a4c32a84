#include "cairn/text/tokenizer.h"

#include <algorithm>
#include <map>
#include <set>

#include "cairn/base/json.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/repeated_keys.h"
#include "cairn/io/utf8.h"
#include "cairn/text/subword_tokenizer.h"
#include "cairn/text/unicode.h"

namespace cairn::text {

using namespace io;

namespace {

constexpr size_t kMaxVocabulary = 65536;
constexpr uint64_t kMaxFile = 256 << 20;

// How a character is shown in an error: itself and its number.
std::string shown(char32_t point) {
  std::string text;
  if (point >= 0x20 && point != 0x7F) append_utf8(text, point);
  return fmt::format("'{}' (U+{:04X})", text, static_cast<uint32_t>(point));
}

int64_t checked(int64_t token, int64_t size) {
  check(token >= 0 && token < size, "decode: token {} is not among 0 .. {}", token, size - 1);
  return token;
}

Json parse_flat(std::string_view text, const std::string& name) {
  io::RepeatedKeys keys("'" + name + "'");
  const auto shallow = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    check(depth < 4, "'{}': nested deeper than a tokenizer file is", name);
    keys.see(event, parsed);
    return true;
  };
  try {
    return Json::parse(text, shallow);
  } catch (const Json::parse_error& error) {
    fail("'{}' is no tokenizer file: {}", name,
         io::place_of(text, error.byte > 0 ? error.byte - 1 : 0));
  } catch (const Json::exception&) {
    fail("'{}' is no tokenizer file: a number is out of range", name);
  }
}

}  // namespace

void Tokenizer::save(const std::string& path) const {
  write_file_atomically(path, to_json() + "\n");
}

std::vector<int64_t> ByteTokenizer::encode(std::string_view text, const std::string&) const {
  std::vector<int64_t> tokens(text.size());
  for (size_t i = 0; i < text.size(); ++i) tokens[i] = static_cast<unsigned char>(text[i]);
  return tokens;
}

std::string ByteTokenizer::decode(const std::vector<int64_t>& tokens) const {
  std::string text;
  for (int64_t token : tokens) text += static_cast<char>(checked(token, 256));
  return text;
}

std::string ByteTokenizer::to_json() const { return Json{{"type", "byte"}}.dump(); }

CharTokenizer CharTokenizer::from_text(std::string_view text, const std::string& name) {
  check(!text.empty(), "'{}' is empty; a vocabulary needs text", name);
  const std::u32string points = decode_utf8(text, name);
  const std::set<char32_t> distinct(points.begin(), points.end());
  check(distinct.size() <= kMaxVocabulary,
        "'{}' has {} different characters, at most {} are possible; use byte tokens", name,
        distinct.size(), kMaxVocabulary);
  return CharTokenizer(std::u32string(distinct.begin(), distinct.end()));
}

CharTokenizer::CharTokenizer(std::u32string vocabulary) : vocabulary_(std::move(vocabulary)) {
  check(!vocabulary_.empty(), "tokenizer: the vocabulary is empty");
  for (size_t i = 0; i < vocabulary_.size(); ++i)
    if (!numbers_.emplace(vocabulary_[i], static_cast<int64_t>(i)).second)
      fail("tokenizer: {} occurs twice", shown(vocabulary_[i]));
}

std::vector<int64_t> CharTokenizer::encode(std::string_view text, const std::string& name) const {
  const std::u32string points = decode_utf8(text, name);
  std::vector<int64_t> tokens(points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    const auto found = numbers_.find(points[i]);
    if (found == numbers_.end())
      fail(
          "'{}', character {}: {} is not among the {} characters that the model was trained on; "
          "leave it out",
          name, i, shown(points[i]), vocabulary_.size());
    tokens[i] = found->second;
  }
  return tokens;
}

std::string CharTokenizer::decode(const std::vector<int64_t>& tokens) const {
  std::string text;
  for (int64_t token : tokens)
    append_utf8(text, vocabulary_[static_cast<size_t>(checked(token, size()))]);
  return text;
}

std::string CharTokenizer::to_json() const {
  Json entries = Json::array();
  for (char32_t point : vocabulary_) entries.push_back(encode_utf8({&point, 1}));
  return Json{{"type", "char"}, {"vocabulary", std::move(entries)}}.dump();
}

namespace {

// word(its text) for each word and the end of each line, as "\n".
template <class Word>
void each_word(std::string_view text, const std::string& name, const Word& word) {
  const size_t bad = find_invalid_utf8(text);
  check(bad == text.npos, "'{}', byte {}: not UTF-8; convert it (iconv -t UTF-8)", name, bad);
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t here = at;
    if (!is_python_space(next_point(text, at))) continue;
    if (here > begin) word(text.substr(begin, here - begin));
    if (text[here] == '\n') word(text.substr(here, 1));
    begin = at;
  }
  if (begin < text.size()) word(text.substr(begin));
}

}  // namespace

WordTokenizer WordTokenizer::from_text(std::string_view text, const std::string& name,
                                       int64_t most) {
  std::map<std::string_view, int64_t> counts;
  each_word(text, name, [&](std::string_view word) { ++counts[word]; });
  std::vector<std::string> words = {"<unk>", "\n"};
  for (const std::string& own : words) counts.erase(own);
  std::vector<std::pair<std::string_view, int64_t>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  for (size_t i = 0; i < order.size() && std::ssize(words) < most; ++i)
    words.emplace_back(order[i].first);
  return WordTokenizer(std::move(words));
}

WordTokenizer::WordTokenizer(std::vector<std::string> vocabulary)
    : vocabulary_(std::move(vocabulary)) {
  check(
      vocabulary_.size() >= 2 && vocabulary_[kUnknown] == "<unk>" && vocabulary_[kNewLine] == "\n",
      "tokenizer: the words do not begin with <unk> and the line's end");
  for (size_t i = 0; i < vocabulary_.size(); ++i) {
    const std::string& word = vocabulary_[i];
    int64_t parts = 0;
    each_word(word, "the vocabulary",
              [&](std::string_view part) { parts += part == word ? 1 : 2; });
    check(parts == 1, "tokenizer: word {} of the vocabulary is empty or has white space", i);
    check(numbers_.emplace(word, static_cast<int64_t>(i)).second, "tokenizer: '{}' occurs twice",
          word);
  }
}

std::vector<int64_t> WordTokenizer::encode(std::string_view text, const std::string& name) const {
  std::vector<int64_t> tokens;
  each_word(text, name, [&](std::string_view word) {
    const auto it = numbers_.find(word);
    tokens.push_back(it == numbers_.end() ? kUnknown : it->second);
  });
  return tokens;
}

std::string WordTokenizer::decode(const std::vector<int64_t>& tokens) const {
  std::string text;
  for (const int64_t token : tokens) {
    text += vocabulary_[static_cast<size_t>(checked(token, size()))];
    if (token != kNewLine) text += ' ';
  }
  return text;
}

std::string WordTokenizer::to_json() const {
  return Json{{"type", "word"}, {"vocabulary", vocabulary_}}.dump();
}

namespace {

// A key "model"; a word of that name is followed by no colon.
bool has_model(std::string_view json) {
  constexpr std::string_view kKey = "\"model\"";
  for (size_t at = json.find(kKey); at != json.npos; at = json.find(kKey, at + 1)) {
    const size_t next = json.find_first_not_of(" \t\r\n", at + kKey.size());
    if (next != json.npos && json[next] == ':') return true;
  }
  return false;
}

std::unique_ptr<Tokenizer> parse_words(const Json& root, const std::string& name) {
  const auto list = root.find("vocabulary");
  check(list != root.end() && list->is_array() && list->size() <= (size_t{1} << 24) &&
            std::all_of(list->begin(), list->end(), [](const Json& w) { return w.is_string(); }),
        "'{}': no \"vocabulary\" list of words", name);
  try {
    return std::make_unique<WordTokenizer>(list->get<std::vector<std::string>>());
  } catch (const Error& error) { fail("'{}': {}", name, error.what()); }
}

}  // namespace

std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view json, const std::string& name) {
  if (has_model(json)) return std::make_unique<SubwordTokenizer>(json, name);
  const Json root = parse_flat(json, name);
  const std::string type = root.is_object() && root.contains("type") && root["type"].is_string()
                               ? root["type"].get<std::string>()
                               : std::string();
  if (type == "byte") return std::make_unique<ByteTokenizer>();
  if (type == "word") return parse_words(root, name);
  check(type == "char",
        "'{}' is no tokenizer file: its \"type\" is neither \"char\", \"byte\" nor \"word\"", name);
  check(root.contains("vocabulary") && root["vocabulary"].is_array() &&
            root["vocabulary"].size() <= kMaxVocabulary,
        "'{}': no \"vocabulary\" list of at most {} characters", name, kMaxVocabulary);
  std::u32string vocabulary;
  for (const Json& entry : root["vocabulary"]) {
    const std::u32string points = entry.is_string()
                                      ? decode_utf8(entry.get_ref<const std::string&>(), name)
                                      : std::u32string();
    check(points.size() == 1, "'{}': entry {} of the vocabulary is not one character", name,
          vocabulary.size());
    vocabulary += points;
  }
  try {
    return std::make_unique<CharTokenizer>(std::move(vocabulary));
  } catch (const Error& error) { fail("'{}': {}", name, error.what()); }
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path) {
  return parse_tokenizer(read_text_file(path, kMaxFile), path);
}

}  // namespace cairn::text
