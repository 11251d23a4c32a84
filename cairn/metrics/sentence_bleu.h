// BLEU of single sentences against many references at once, as texts of generators are judged
// (Zhu et al. 2018, "Texygen"): how much like real ones they are, and how much like each other.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace cairn::metrics {

using Words = std::vector<std::string>;

// BLEU-2 to BLEU-5 as nltk 3.9 has them with smoothing method 1 (Chen and Cherry 2014): the
// geometric mean of the clipped precisions of 1- to n-grams, one that is 0 being 0.1 / the number
// of n-grams; times the brevity penalty by the reference nearest in length (of two the shorter).
// 0 .. 1; 0 where no word is right. Not sacrebleu's, whose counts are pooled over a corpus.
class SentenceBleu {
 public:
  static constexpr int kLongest = 5;
  using Scores = std::array<double, kLongest - 1>;  // BLEU-2, ... BLEU-5

  explicit SentenceBleu(std::span<const Words> references);
  Scores of(const Words& sentence) const;
  // Of a reference against all others: of a set's own sentences, their mean is Self-BLEU (less is
  // more different). `sentence`: references[index].
  Scores of_reference(size_t index, const Words& sentence) const;
  // Means over sentences. Throws Error without any.
  Scores mean_of(std::span<const Words> sentences) const;

 private:
  // How often an n-gram occurs in the reference that has it most, and in the next.
  struct Most {
    int64_t count = 0, next = 0;
    size_t owner = 0;
  };
  Scores score(const Words& sentence, const size_t* left_out) const;
  int64_t nearest_length(int64_t length, bool one_less) const;

  std::unordered_map<std::string, Most> most_;
  std::unordered_map<int64_t, int64_t> lengths_;  // how many references have it
};

// The mean over sentences of what each has against all others. Throws Error with
// fewer than two.
SentenceBleu::Scores self_bleu(std::span<const Words> sentences);

}  // namespace cairn::metrics
