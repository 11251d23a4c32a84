#include "cairn/metrics/squad.h"

#include <algorithm>
#include <map>

#include "cairn/base/error.h"
#include "cairn/io/utf8.h"
#include "cairn/text/unicode.h"

namespace cairn::metrics {
namespace {

bool is_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

// Articles between signs that are neither letters nor digits become spaces. Punctuation is gone by
// now, the underscore too.
std::string without_articles(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (!text::is_alphanumeric(text::next_point(text, at))) {
      out += text.substr(begin, at - begin);
      continue;
    }
    size_t end = at;
    while (at < text.size() && text::is_alphanumeric(text::next_point(text, at))) end = at;
    const std::string_view word = text.substr(begin, end - begin);
    out += word == "a" || word == "an" || word == "the" ? " " : word;
    at = end;
  }
  return out;
}

double f1_of(std::string_view answer, std::string_view predicted) {
  const auto wanted = text::split_at_spaces(answer), said = text::split_at_spaces(predicted);
  if (wanted.empty() || said.empty()) return wanted.empty() && said.empty();
  std::map<std::string_view, int64_t> left;
  for (const auto word : wanted) ++left[word];
  int64_t both = 0;
  for (const auto word : said)
    if (const auto found = left.find(word); found != left.end() && found->second-- > 0) ++both;
  if (both == 0) return 0;
  const double precision = static_cast<double>(both) / static_cast<double>(said.size());
  const double recall = static_cast<double>(both) / static_cast<double>(wanted.size());
  return 2 * precision * recall / (precision + recall);
}

}  // namespace

std::string normalize_answer(std::string_view text) {
  const size_t bad = io::find_invalid_utf8(text);
  check(bad == std::string_view::npos, "an answer is not UTF-8 (byte {})", bad);
  std::string plain = text::to_lower(text);
  std::erase_if(plain, is_punctuation);
  plain = without_articles(plain);
  std::string joined;
  for (const auto word : text::split_at_spaces(plain))
    (joined += joined.empty() ? "" : " ") += word;
  return joined;
}

AnswerScore score_answer(const std::vector<std::string>& answers, std::string_view predicted) {
  std::vector<std::string> wanted;
  for (const std::string& answer : answers)
    if (std::string plain = normalize_answer(answer); !plain.empty())
      wanted.push_back(std::move(plain));
  if (wanted.empty()) wanted.emplace_back();
  const std::string said = normalize_answer(predicted);
  AnswerScore best;
  for (const std::string& answer : wanted) {
    if (answer == said) best.exact_match = 1;
    best.f1 = std::max(best.f1, f1_of(answer, said));
  }
  return best;
}

}  // namespace cairn::metrics
