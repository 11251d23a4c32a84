// How near translations are to references: BLEU (Papineni et al. 2002) and chrF (Popović 2015), to
// the last printed digit what sacrebleu 2.6 says (Post 2018), which the signatures name.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::metrics {

// One segment's references; segments may have different numbers of them, each at least one.
using References = std::vector<std::string>;

// Of a whole corpus: counts are pooled, so that short and empty segments add what n-grams they
// have. n-grams that are wanted and never found count as halves, quarters, ... (smoothing "exp").
struct Bleu {
  double score = 0;  // 0 .. 100
  std::array<int64_t, 4> correct{}, total{};
  std::array<double, 4> precisions{};  // percent
  double brevity_penalty = 1;
  int64_t length = 0, reference_length = 0;  // of each segment the reference nearest in length
  std::string to_string() const;             // as sacrebleu's `BLEU = 41.02 71.0/47.5/...`
};
// Throw Error when the numbers of segments differ, a segment has no reference, or a text is not
// UTF-8.
Bleu bleu(std::span<const std::string> hypotheses, std::span<const References> references);
std::string bleu_signature(std::span<const References> references);

// The tokens that BLEU counts (mteval-v13a): punctuation apart, but not within numbers.
std::string tokenize_13a(std::string_view line);

// F-score (beta 2) of the mean precision and recall of 1- to 6-grams of characters without spaces,
// 0 .. 100; of several references the one with the best score counts.
double chrf(std::span<const std::string> hypotheses, std::span<const References> references);
std::string chrf_signature(std::span<const References> references);

}  // namespace cairn::metrics
