#include "cairn/metrics/rouge.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "cairn/base/error.h"
#include "cairn/io/utf8.h"
#include "cairn/metrics/porter.h"
#include "cairn/text/unicode.h"

namespace cairn::metrics {
namespace {

using Words = std::vector<std::string>;

Rouge::Score score_of(int64_t both, size_t said, size_t wanted) {
  Rouge::Score s;
  s.precision = static_cast<double>(both) / static_cast<double>(std::max<size_t>(said, 1));
  s.recall = static_cast<double>(both) / static_cast<double>(std::max<size_t>(wanted, 1));
  if (s.precision + s.recall > 0) s.f = 2 * s.precision * s.recall / (s.precision + s.recall);
  return s;
}

// An n-gram counts as often as both have it: who repeats himself gains nothing.
Rouge::Score score_ngrams(const Words& reference, const Words& summary, size_t n) {
  const auto grams = [n](const Words& words) {
    std::map<Words, int64_t> counts;
    for (size_t i = 0; i + n <= words.size(); ++i)
      ++counts[Words(words.begin() + static_cast<std::ptrdiff_t>(i),
                     words.begin() + static_cast<std::ptrdiff_t>(i + n))];
    return counts;
  };
  const auto count = [n](const Words& words) {
    return words.size() < n ? 0 : words.size() - n + 1;
  };
  const auto said = grams(summary);
  int64_t both = 0;
  for (const auto& [gram, times] : grams(reference))
    if (const auto found = said.find(gram); found != said.end())
      both += std::min(times, found->second);
  return score_of(both, count(summary), count(reference));
}

// lengths[i][j]: of the longest common subsequence of the first i and j words.
std::vector<std::vector<int32_t>> subsequences(const Words& a, const Words& b) {
  std::vector<std::vector<int32_t>> lengths(a.size() + 1, std::vector<int32_t>(b.size() + 1, 0));
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j)
      lengths[i][j] = a[i - 1] == b[j - 1] ? lengths[i - 1][j - 1] + 1
                                           : std::max(lengths[i - 1][j], lengths[i][j - 1]);
  return lengths;
}

// Marks the words of `reference` that one of the longest common subsequences has; of several, that
// which goes back through the reference first.
void mark_common(const Words& reference, const Words& sentence, std::vector<bool>& marked) {
  const auto t = subsequences(reference, sentence);
  for (size_t i = reference.size(), j = sentence.size(); i > 0 && j > 0;)
    if (reference[i - 1] == sentence[j - 1]) marked[--i] = true, --j;
    else if (t[i][j - 1] > t[i - 1][j]) --j;
    else --i;
}

// rouge-score's; some are empty.
Words latin_words(std::string_view text) {
  Words words(1);
  for (size_t at = 0; at < text.size();) {
    char32_t c = text::next_point(text, at);
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    else if (c == 0x212A) c = 'k';  // the Kelvin sign, in lower case
    // The capital I with a dot becomes an i and a combining dot.
    const bool dotted = c == 0x130;
    if (dotted) c = 'i';
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) words.back() += static_cast<char>(c);
    else words.emplace_back();
    if (dotted) words.emplace_back();
  }
  return words;
}

bool stands_alone(char32_t c) {  // ideographs and kana
  return (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x3FFFF);
}

Words words_of_any_script(std::string_view given) {
  const std::string text = text::to_lower(given);
  Words words(1);
  for (size_t at = 0; at < text.size();) {
    const char32_t c = text::next_point(text, at);
    const bool is_letter = text::is_word_character(c) && c != '_';
    if (stands_alone(c) || !is_letter) words.emplace_back();
    if (is_letter) io::append_utf8(words.back(), c);
    if (stands_alone(c)) words.emplace_back();
  }
  return words;
}

std::vector<Words> sentences_of(std::string_view text, RougeWords kind) {
  std::vector<Words> sentences;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) sentences.push_back(rouge_words(text.substr(begin, end - begin), kind));
    begin = end + 1;
  }
  return sentences;
}

Rouge::Score score_summary(const std::vector<Words>& reference, const std::vector<Words>& summary) {
  std::unordered_map<std::string, int64_t> left_wanted, left_said;
  size_t wanted = 0, said = 0;
  for (const Words& s : reference)
    for (const std::string& w : s) ++left_wanted[w], ++wanted;
  for (const Words& s : summary)
    for (const std::string& w : s) ++left_said[w], ++said;
  if (wanted == 0 || said == 0) return {};
  int64_t both = 0;
  for (const Words& sentence : reference) {
    std::vector<bool> marked(sentence.size(), false);
    for (const Words& other : summary) mark_common(sentence, other, marked);
    for (size_t i = 0; i < sentence.size(); ++i) {
      if (!marked[i]) continue;
      int64_t &w = left_wanted[sentence[i]], &s = left_said[sentence[i]];
      if (w > 0 && s > 0) --w, --s, ++both;
    }
  }
  return score_of(both, said, wanted);
}

}  // namespace

std::vector<std::string> rouge_words(std::string_view text, RougeWords kind) {
  const size_t bad = io::find_invalid_utf8(text);
  check(bad == std::string_view::npos, "ROUGE: a text is not UTF-8 (byte {})", bad);
  Words words = kind == RougeWords::of_any_script ? words_of_any_script(text) : latin_words(text);
  std::erase(words, "");
  if (kind == RougeWords::stemmed)
    for (std::string& w : words)
      if (w.size() > 3) w = porter_stem(w);
  return words;
}

Rouge rouge(std::string_view reference, std::string_view summary, RougeWords kind) {
  const Words wanted = rouge_words(reference, kind), said = rouge_words(summary, kind);
  Rouge r;
  r.rouge1 = score_ngrams(wanted, said, 1), r.rouge2 = score_ngrams(wanted, said, 2);
  r.rougeL = score_of(subsequences(wanted, said).back().back(), said.size(), wanted.size());
  r.rougeLsum = score_summary(sentences_of(reference, kind), sentences_of(summary, kind));
  return r;
}

Rouge best_rouge(const std::vector<std::string>& references, std::string_view summary,
                 RougeWords kind) {
  check(!references.empty(), "ROUGE: a summary without a reference");
  Rouge best = rouge(references[0], summary, kind);
  for (size_t i = 1; i < references.size(); ++i) {
    const Rouge r = rouge(references[i], summary, kind);
    for (auto which : {&Rouge::rouge1, &Rouge::rouge2, &Rouge::rougeL, &Rouge::rougeLsum})
      if ((r.*which).f > (best.*which).f) best.*which = r.*which;
  }
  return best;
}

}  // namespace cairn::metrics
