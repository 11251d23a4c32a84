#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_set>

#include "cairn/base/error.h"
#include "cairn/io/file.h"
#include "cairn/metrics/porter.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/question_answering/notation.h"
#include "cairn/text/unicode.h"

namespace cairn::tasks::question_answering {
namespace {

// Numbers of words: what is behind a row's end, the place for "no answer", and a few that unknown
// words share, so that a word keeps its own in both texts.
constexpr int64_t kNone = 1, kFirstUnknown = 2, kUnknown = 64, kFirst = kFirstUnknown + kUnknown;
enum WordShape : uint8_t { capital = 1, capitals = 2, has_digit = 4, digits = 8, sign = 16 };

uint32_t number_in(std::string_view text, uint32_t count) {
  return io::crc32({reinterpret_cast<const uint8_t*>(text.data()), text.size()}) % count;
}
uint64_t hash(std::string_view text) { return std::hash<std::string_view>()(text); }

bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }

// Runs of letters and digits, also joined by an apostrophe or, between digits, by a dot or comma;
// every other sign stands alone.
std::vector<text::Span> words_of(std::string_view text) {
  std::vector<text::Span> words;
  const auto point_at = [&](size_t at) {
    return at < text.size() ? text::next_point(text, at) : char32_t{0};
  };
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    char32_t last = text::next_point(text, at);
    if (text::is_python_space(last)) continue;
    if (text::is_alphanumeric(last))
      while (at < text.size()) {
        const char32_t c = point_at(at);
        size_t behind = at;
        text::next_point(text, behind);
        const bool joins = (c == '.' || c == ',') && is_digit(last) && is_digit(point_at(behind));
        if (!text::is_alphanumeric(c) && !joins) break;
        last = c, at = behind;
      }
    words.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(at)});
  }
  return words;
}

bool is_plain(std::string_view word) {
  return std::all_of(word.begin(), word.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}
std::string stem_of(const std::string& lower) {
  return is_plain(lower) ? metrics::porter_stem(lower) : lower;
}

uint8_t shape_of(std::string_view word, const std::string& lower) {
  uint8_t shape = 0;
  size_t at = 0, upper = 0, numbers = 0, count = 0;
  if (!text::is_alphanumeric(text::next_point(word, at))) return sign;
  for (size_t i = 0; i < word.size(); ++i, ++count) {
    upper += i < lower.size() && word[i] != lower[i];
    numbers += is_digit(static_cast<unsigned char>(word[i]));
  }
  if (!lower.starts_with(word.substr(0, at))) shape |= capital;
  if (upper > 1) shape |= capitals;
  if (numbers > 0) shape |= has_digit;
  if (numbers == count) shape |= digits;
  return shape;
}

// The last three bytes; of numbers, how many digits they have.
std::string ending_of(std::string lower) {
  for (char& c : lower)
    if (is_digit(static_cast<unsigned char>(c))) c = '0';
  const size_t kept = lower.starts_with('0') ? 5 : 3;
  return lower.size() > kept ? "-" + lower.substr(lower.size() - kept) : lower;
}

// What the words of a question are compared by.
struct QuestionWords {
  std::unordered_set<uint64_t> forms, lowers;
  std::unordered_map<uint64_t, float> stems;  // with how much each counts
  float all = 1e-6f;
  explicit QuestionWords(const Noted& question) {
    for (const Noted::Word& w : question.words) {
      forms.insert(w.form), lowers.insert(w.lower);
      if (!(w.shape & sign) && stems.emplace(w.stem, w.rarity).second) all += w.rarity;
    }
  }
  float weight(uint64_t stem) const {
    const auto it = stems.find(stem);
    return it == stems.end() ? 0 : it->second;
  }
};

// Sums of matches around each word, which fade with the distance.
std::vector<float> faded(const std::vector<float>& matches, float keep) {
  std::vector<float> sums(matches.size());
  float sum = 0;
  for (size_t i = 0; i < matches.size(); ++i) sums[i] = sum = sum * keep + matches[i];
  sum = 0;
  for (size_t i = matches.size(); i-- > 0; sum = (sum + matches[i]) * keep) sums[i] += sum;
  return sums;
}

// How much of the question each sentence says.
std::map<int32_t, float> said_by_sentence(const Row& row, const QuestionWords& asked) {
  std::map<int32_t, float> said;
  std::map<int32_t, std::unordered_set<uint64_t>> seen;
  for (size_t i = 0; i < row.count; ++i) {
    const Noted::Word& w = row.context->words[row.first + i];
    float& sum = said[w.sentence];
    if (const float weight = asked.weight(w.stem);
        weight > 0 && seen[w.sentence].insert(w.stem).second)
      sum += weight / asked.all;
  }
  return said;
}

// [count + 1, kFeatures] from `out` on; the first row is that of "no answer".
void write_features(const Row& row, float* out) {
  constexpr int64_t width = WordNotation::kFeatures;
  const QuestionWords asked(*row.question);
  out[width - 1] = 1;
  std::vector<float> matches;
  for (size_t i = 0; i < row.count; ++i)
    matches.push_back(asked.weight(row.context->words[row.first + i].stem) / asked.all);
  const auto near = faded(matches, 0.7f), around = faded(matches, 0.9f);
  const auto said = said_by_sentence(row, asked);
  float most = 0;
  for (const auto& [sentence, sum] : said) most = std::max(most, sum);
  int32_t before = -1;
  for (size_t i = 0; i < row.count; ++i) {
    const Noted::Word& w = row.context->words[row.first + i];
    float* f = out + static_cast<int64_t>(i + 1) * width;
    const float sentence = said.at(w.sentence);
    const bool begins = w.sentence != before;
    before = w.sentence;
    const float values[] = {static_cast<float>(asked.forms.contains(w.form)),
                            static_cast<float>(asked.lowers.contains(w.lower)),
                            static_cast<float>(asked.stems.contains(w.stem)),
                            matches[i] * 3,
                            near[i],
                            around[i],
                            sentence,
                            static_cast<float>(sentence == most && most > 0),
                            static_cast<float>((w.shape & capital) != 0),
                            static_cast<float>((w.shape & capitals) != 0),
                            static_cast<float>((w.shape & has_digit) != 0),
                            static_cast<float>((w.shape & digits) != 0),
                            static_cast<float>((w.shape & sign) != 0),
                            static_cast<float>(begins),
                            w.rarity,
                            most,
                            0};
    static_assert(std::size(values) == width);
    std::copy(std::begin(values), std::end(values), f);
  }
}

}  // namespace

WordNotation::WordNotation(const Json& vocabulary, const std::string& file, int64_t longest)
    : Notation(longest) {
  const auto right = [](const Json& e) {
    return e.is_array() && e.size() == 2 && e[0].is_string() && e[1].is_number_integer() &&
           e[1].get<int64_t>() > 0;
  };
  check(vocabulary.is_array() && std::all_of(vocabulary.begin(), vocabulary.end(), right),
        "'{}' is damaged: the vocabulary is no list of words and counts", file);
  std::unordered_map<uint64_t, double> counts;
  double all = 1;
  for (const Json& entry : vocabulary) {
    const auto& word = entry[0].get_ref<const std::string&>();
    numbers_.emplace(word, kFirst + std::ssize(numbers_));
    const auto count = entry[1].get<double>();
    counts[hash(stem_of(word))] += count, all += count;
  }
  for (const auto& [stem, count] : counts)
    rarity_[stem] = static_cast<float>(std::log(all / count) / std::log(all));
}

Json WordNotation::learn(const std::vector<std::string>& contexts,
                         const std::vector<std::string>& questions, int64_t most) {
  std::map<std::string, int64_t> counts;
  for (const auto* texts : {&contexts, &questions})
    for (const std::string& text : *texts)
      for (const text::Span& s : words_of(text))
        ++counts[text::to_lower(std::string_view(text).substr(s.begin, s.end - s.begin))];
  std::vector<std::pair<std::string, int64_t>> words;
  for (const auto& [word, count] : counts)
    if (count > 1) words.emplace_back(word, count);
  std::stable_sort(words.begin(), words.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (std::ssize(words) > most) words.resize(static_cast<size_t>(most));
  Json list = Json::array();
  for (const auto& [word, count] : words) list.push_back({word, count});
  return list;
}

int64_t WordNotation::vocab() const { return kFirst + std::ssize(numbers_); }

int64_t WordNotation::number_of(const std::string& lower) const {
  const auto it = numbers_.find(lower);
  return it != numbers_.end() ? it->second : kFirstUnknown + number_in(lower, kUnknown);
}

NotedPtr WordNotation::note(std::string_view text) const {
  auto noted = std::make_shared<Noted>();
  noted->places = words_of(text);
  int32_t sentence = 0;
  for (const text::Span& s : noted->places) {
    const std::string_view form = text.substr(s.begin, s.end - s.begin);
    const std::string lower = text::to_lower(form), stem = stem_of(lower);
    Noted::Word word{.ending = 1 + number_in(ending_of(lower), kEndings - 1),
                     .form = hash(form),
                     .lower = hash(lower),
                     .stem = hash(stem),
                     .shape = shape_of(form, lower),
                     .sentence = sentence,
                     .rarity = 1};
    if (const auto it = rarity_.find(word.stem); it != rarity_.end()) word.rarity = it->second;
    noted->words.push_back(word);
    noted->ids.push_back(number_of(lower));
    if (form == "." || form == "?" || form == "!") ++sentence;
  }
  return noted;
}

Tensors WordNotation::batch_of(const std::vector<const Row*>& rows) const {
  constexpr size_t kLongestQuestion = 64;
  size_t longest = 0, longest_question = 0;
  for (const Row* r : rows) {
    longest = std::max(longest, r->count + 1);
    longest_question = std::max(longest_question, r->question->ids.size());
  }
  longest_question = std::min(longest_question, kLongestQuestion);
  const int64_t t = padded_size(longest, 32), q = padded_size(longest_question, 16);
  std::vector<std::vector<int64_t>> words, endings, asked, asked_endings;
  std::vector<int64_t> lengths, asked_lengths;
  std::vector<float> features(rows.size() * static_cast<size_t>(t * kFeatures));
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& r = *rows[i];
    auto &w = words.emplace_back(1, kNone), &e = endings.emplace_back(1, 0);
    for (size_t k = r.first; k < r.first + r.count; ++k)
      w.push_back(r.context->ids[k]), e.push_back(r.context->words[k].ending);
    lengths.push_back(std::ssize(w));
    auto &a = asked.emplace_back(), &ae = asked_endings.emplace_back();
    for (size_t k = 0; k < std::min(r.question->ids.size(), kLongestQuestion); ++k)
      a.push_back(r.question->ids[k]), ae.push_back(r.question->words[k].ending);
    asked_lengths.push_back(std::ssize(a));
    write_features(r, features.data() + static_cast<int64_t>(i) * t * kFeatures);
  }
  const auto n = std::ssize(rows);
  return {padded_rows(words, t, 0),
          padded_rows(endings, t, 0),
          from_host(features.data(), {n, t, kFeatures}, DType::f32),
          from_host(lengths.data(), {n}, DType::i64),
          padded_rows(asked, q, 0),
          padded_rows(asked_endings, q, 0),
          from_host(asked_lengths.data(), {n}, DType::i64)};
}

}  // namespace cairn::tasks::question_answering
