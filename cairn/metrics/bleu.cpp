#include "cairn/metrics/bleu.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "cairn/base/error.h"
#include "cairn/io/utf8.h"
#include "cairn/text/unicode.h"

namespace cairn::metrics {
namespace {

using Counts = std::unordered_map<std::string, int64_t>;  // of n-grams, words joined by a space
constexpr size_t kOrder = 4;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_point_or_comma(char c) { return c == '.' || c == ','; }
// Signs that always stand alone: ASCII punctuation but ' , - and the full stop.
bool stands_alone(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// A pass over pairs of neighbours, from left to right and without overlap: `first` and `second`
// say which pairs, `put` what becomes of them.
template <class First, class Second, class Put>
std::string rewrite_pairs(const std::string& in, First first, Second second, Put put) {
  std::string out;
  out.reserve(in.size() + in.size() / 4);
  for (size_t i = 0; i < in.size(); ++i)
    if (i + 1 < in.size() && first(in[i]) && second(in[i + 1])) put(out, in[i], in[i + 1]), ++i;
    else out += in[i];
  return out;
}

// The n-grams of all orders and the number of words.
struct Words {
  explicit Words(std::string_view text) {
    const auto words = text::split_at_spaces(text);
    length = static_cast<int64_t>(words.size());
    for (size_t n = 1; n <= kOrder; ++n)
      for (size_t i = 0; i + n <= words.size(); ++i) {
        std::string gram(words[i]);
        for (size_t k = 1; k < n; ++k) (gram += ' ') += words[i + k];
        ++counts[n - 1][std::move(gram)];
      }
  }
  std::array<Counts, kOrder> counts;
  int64_t length;
};

void check_segments(std::span<const std::string> hypotheses,
                    std::span<const References> references) {
  check(hypotheses.size() == references.size(), "{} texts to judge, but references for {}",
        hypotheses.size(), references.size());
  for (size_t i = 0; i < references.size(); ++i) {
    check(!references[i].empty(), "segment {} has no reference", i);
    const auto valid = [&](const std::string& text, const char* what) {
      const size_t at = io::find_invalid_utf8(text);
      check(at == std::string::npos, "the {} of segment {} is not UTF-8 (byte {})", what, i, at);
    };
    valid(hypotheses[i], "text");
    for (const std::string& r : references[i]) valid(r, "reference");
  }
}

void add_segment(Bleu& b, const std::string& hypothesis, const References& references) {
  const Words said(tokenize_13a(hypothesis));
  std::array<Counts, kOrder> wanted;
  int64_t nearest = -1;
  for (const std::string& reference : references) {
    const Words words(tokenize_13a(reference));
    const int64_t distance = std::abs(words.length - said.length);
    const int64_t best = std::abs(nearest - said.length);
    if (nearest < 0 || distance < best || (distance == best && words.length < nearest))
      nearest = words.length;
    for (size_t n = 0; n < kOrder; ++n)
      for (const auto& [gram, count] : words.counts[n]) {
        int64_t& most = wanted[n][gram];
        most = std::max(most, count);
      }
  }
  b.length += said.length, b.reference_length += nearest;
  for (size_t n = 0; n < kOrder; ++n)
    for (const auto& [gram, count] : said.counts[n]) {
      b.total[n] += count;
      const auto found = wanted[n].find(gram);
      if (found != wanted[n].end()) b.correct[n] += std::min(count, found->second);
    }
}

void finish(Bleu& b) {
  if (b.length < b.reference_length)
    b.brevity_penalty =
        b.length == 0
            ? 0
            : std::exp(1 - static_cast<double>(b.reference_length) / static_cast<double>(b.length));
  if (std::all_of(b.correct.begin(), b.correct.end(), [](int64_t c) { return c == 0; })) return;
  double smaller = 1, sum = 0;
  for (size_t n = 0; n < kOrder; ++n) {
    if (b.total[n] == 0) break;  // what is left keeps a precision of 0
    const auto total = static_cast<double>(b.total[n]);
    b.precisions[n] = b.correct[n] == 0 ? 100 / ((smaller *= 2) * total)
                                        : 100 * static_cast<double>(b.correct[n]) / total;
  }
  for (const double p : b.precisions) sum += p == 0 ? -9999999999.0 : std::log(p);
  b.score = b.brevity_penalty * std::exp(sum / kOrder);
}

std::string signature(std::span<const References> references, const char* settings) {
  size_t least = references.empty() ? 1 : references[0].size(), most = least;
  for (const References& r : references)
    least = std::min(least, r.size()), most = std::max(most, r.size());
  return fmt::format("nrefs:{}|case:mixed|{}|version:2.6.0",
                     least == most ? std::to_string(least) : "var", settings);
}

constexpr size_t kCharacters = 6;

// For n = 1 .. 6: n-grams of the text, of the reference, and of both.
using Matches = std::array<std::array<int64_t, 3>, kCharacters>;
using PointCounts = std::unordered_map<std::u32string_view, int64_t>;

std::u32string without_spaces(const std::string& text) {
  std::u32string points = io::decode_utf8(text, "text");
  std::erase_if(points, text::is_python_space);
  return points;
}

std::array<PointCounts, kCharacters> grams_of(std::u32string_view points) {
  std::array<PointCounts, kCharacters> counts;
  for (size_t n = 1; n <= kCharacters; ++n)
    for (size_t i = 0; i + n <= points.size(); ++i) ++counts[n - 1][points.substr(i, n)];
  return counts;
}

Matches matches_of(const std::array<PointCounts, kCharacters>& said, size_t said_size,
                   std::u32string_view reference) {
  const auto wanted = grams_of(reference);
  Matches m{};
  for (size_t n = 0; n < kCharacters; ++n) {
    const auto grams = [&](size_t size) { return static_cast<int64_t>(size > n ? size - n : 0); };
    m[n] = {wanted[n].empty() ? 0 : grams(said_size), grams(reference.size()), 0};
    for (const auto& [gram, count] : said[n]) {
      const auto found = wanted[n].find(gram);
      if (found != wanted[n].end()) m[n][2] += std::min(count, found->second);
    }
  }
  return m;
}

double f_score(const Matches& matches) {
  double precision = 0, recall = 0;
  int orders = 0;  // that both have
  for (const auto& [said, wanted, both] : matches) {
    if (said == 0 || wanted == 0) continue;
    precision += static_cast<double>(both) / static_cast<double>(said);
    recall += static_cast<double>(both) / static_cast<double>(wanted);
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= orders, recall /= orders;
  return 100 * (5 * precision * recall / (4 * precision + recall));
}

}  // namespace

std::string tokenize_13a(std::string_view line) {
  std::string text(text::without_trailing_spaces(line));
  for (const auto& [from, to] : {std::pair{"<skipped>", ""},
                                 {"-\n", ""},
                                 {"\n", " "},
                                 {"&quot;", "\""},
                                 {"&amp;", "&"},
                                 {"&lt;", "<"},
                                 {"&gt;", ">"}})
    replace_all(text, from, to);
  std::string spaced = " ";
  for (const char c : text)
    if (stands_alone(c)) ((spaced += ' ') += c) += ' ';
    else spaced += c;
  spaced += ' ';
  const auto no_digit = [](char c) { return !is_digit(c); };
  spaced = rewrite_pairs(spaced, no_digit, is_point_or_comma, [](std::string& out, char a, char b) {
    (((out += a) += ' ') += b) += ' ';
  });
  spaced = rewrite_pairs(spaced, is_point_or_comma, no_digit, [](std::string& out, char a, char b) {
    (((out += ' ') += a) += ' ') += b;
  });
  spaced = rewrite_pairs(
      spaced, is_digit, [](char c) { return c == '-'; },
      [](std::string& out, char a, char b) { (((out += a) += ' ') += b) += ' '; });
  std::string joined;
  for (const std::string_view word : text::split_at_spaces(spaced))
    (joined += joined.empty() ? "" : " ") += word;
  return joined;
}

Bleu bleu(std::span<const std::string> hypotheses, std::span<const References> references) {
  check_segments(hypotheses, references);
  Bleu b;
  for (size_t i = 0; i < hypotheses.size(); ++i) add_segment(b, hypotheses[i], references[i]);
  finish(b);
  return b;
}

std::string Bleu::to_string() const {
  const double ratio = reference_length == 0
                           ? 0
                           : static_cast<double>(length) / static_cast<double>(reference_length);
  return fmt::format(
      "BLEU = {:.2f} {:.1f}/{:.1f}/{:.1f}/{:.1f} (BP = {:.3f} ratio = {:.3f} hyp_len = {} ref_len "
      "= {})",
      score, precisions[0], precisions[1], precisions[2], precisions[3], brevity_penalty, ratio,
      length, reference_length);
}

std::string bleu_signature(std::span<const References> references) {
  return signature(references, "eff:no|tok:13a|smooth:exp");
}

double chrf(std::span<const std::string> hypotheses, std::span<const References> references) {
  check_segments(hypotheses, references);
  Matches all{};
  for (size_t i = 0; i < hypotheses.size(); ++i) {
    const std::u32string points = without_spaces(hypotheses[i]);
    const auto said = grams_of(points);
    Matches best{};
    double best_score = -1;
    for (const std::string& reference : references[i]) {
      const Matches m = matches_of(said, points.size(), without_spaces(reference));
      if (const double score = f_score(m); score > best_score) best = m, best_score = score;
    }
    for (size_t n = 0; n < kCharacters; ++n)
      for (size_t k = 0; k < 3; ++k) all[n][k] += best[n][k];
  }
  return f_score(all);
}

std::string chrf_signature(std::span<const References> references) {
  return signature(references, "eff:yes|nc:6|nw:0|space:no");
}

}  // namespace cairn::metrics
