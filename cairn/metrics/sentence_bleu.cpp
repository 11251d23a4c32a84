#include "cairn/metrics/sentence_bleu.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"

namespace cairn::metrics {
namespace {

constexpr double kInsteadOfNone = 0.1;

// Counts of the n-grams of one length; words joined by a character that no text has.
std::unordered_map<std::string, int64_t> grams_of(const Words& words, size_t n) {
  std::unordered_map<std::string, int64_t> counts;
  for (size_t i = 0; i + n <= words.size(); ++i) {
    std::string gram = words[i];
    for (size_t k = 1; k < n; ++k) (gram += '\x1f') += words[i + k];
    ++counts[std::move(gram)];
  }
  return counts;
}

}  // namespace

SentenceBleu::SentenceBleu(std::span<const Words> references) {
  for (size_t r = 0; r < references.size(); ++r) {
    ++lengths_[std::ssize(references[r])];
    for (size_t n = 1; n <= kLongest; ++n)
      for (const auto& [gram, count] : grams_of(references[r], n)) {
        Most& most = most_[gram];
        if (count > most.count) most = {count, most.count, r};
        else most.next = std::max(most.next, count);
      }
  }
}

// `one_less`: one reference of this very length is the sentence itself.
int64_t SentenceBleu::nearest_length(int64_t length, bool one_less) const {
  int64_t best = 0, distance = INT64_MAX;
  for (const auto& [candidate, count] : lengths_) {
    if (one_less && candidate == length && count == 1) continue;
    const int64_t d = std::abs(candidate - length);
    if (d < distance || (d == distance && candidate < best)) best = candidate, distance = d;
  }
  return best;
}

SentenceBleu::Scores SentenceBleu::score(const Words& sentence, const size_t* left_out) const {
  Scores scores{};
  const int64_t length = std::ssize(sentence);
  const int64_t wanted = nearest_length(length, left_out != nullptr);
  const double penalty =
      length > wanted ? 1
      : length == 0   ? 0
                      : std::exp(1 - static_cast<double>(wanted) / static_cast<double>(length));
  double logs = 0;
  for (size_t n = 1; n <= kLongest; ++n) {
    int64_t right = 0, total = 0;
    for (const auto& [gram, count] : grams_of(sentence, n)) {
      total += count;
      const auto found = most_.find(gram);
      if (found == most_.end()) continue;
      const Most& most = found->second;
      right += std::min(count, left_out && most.owner == *left_out ? most.next : most.count);
    }
    if (n == 1 && right == 0) return scores;
    logs += std::log((right > 0 ? static_cast<double>(right) : kInsteadOfNone) /
                     static_cast<double>(std::max<int64_t>(total, 1)));
    if (n >= 2) scores[n - 2] = penalty * std::exp(logs / static_cast<double>(n));
  }
  return scores;
}

SentenceBleu::Scores SentenceBleu::of(const Words& sentence) const {
  return score(sentence, nullptr);
}

SentenceBleu::Scores SentenceBleu::of_reference(size_t index, const Words& sentence) const {
  return score(sentence, &index);
}

SentenceBleu::Scores SentenceBleu::mean_of(std::span<const Words> sentences) const {
  check(!sentences.empty(), "BLEU: there is no sentence");
  Scores sums{};
  for (const Words& sentence : sentences) {
    const Scores one = of(sentence);
    for (size_t k = 0; k < sums.size(); ++k) sums[k] += one[k];
  }
  for (double& sum : sums) sum /= static_cast<double>(sentences.size());
  return sums;
}

SentenceBleu::Scores self_bleu(std::span<const Words> sentences) {
  check(sentences.size() > 1, "Self-BLEU: there are fewer than two sentences");
  const SentenceBleu all(sentences);
  SentenceBleu::Scores sums{};
  for (size_t i = 0; i < sentences.size(); ++i) {
    const auto one = all.of_reference(i, sentences[i]);
    for (size_t k = 0; k < sums.size(); ++k) sums[k] += one[k];
  }
  for (double& sum : sums) sum /= static_cast<double>(sentences.size());
  return sums;
}

}  // namespace cairn::metrics
