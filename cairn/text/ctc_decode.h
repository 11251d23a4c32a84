// From a CTC network's log-probabilities to text: greedy and prefix beam search, the exact
// probability of a text, and when each of its labels was said (Graves et al. 2006; Hannun et al.
// 2014).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cairn/text/ngram.h"

namespace cairn::text {

// log p of every label in every frame, [frames, labels]; `blank` is one of the labels.
struct CtcFrames {
  std::span<const float> log_p;
  int64_t labels = 0, blank = 0;
  int64_t frames() const { return static_cast<int64_t>(log_p.size()) / labels; }
  float at(int64_t frame, int64_t label) const {
    return log_p[static_cast<size_t>(frame * labels + label)];
  }
};

// The most probable label of each frame, repeats joined, blanks left out.
std::vector<int64_t> ctc_greedy(const CtcFrames& frames);

struct CtcText {
  std::vector<int64_t> labels;
  double log_probability = 0;  // of exactly these labels: the sum over all their alignments
  double score = 0;            // the same, with what a language model adds
};
// What is thought of the words that labels spell, with " " between them: weight * ln p(word | words
// before) + bonus for each, and the text's end.
struct CtcWords {
  const NgramModel& model;
  const std::vector<std::string>& labels;
  double weight = 0.5, bonus = 0;
};
// The best texts that a search with so many prefixes finds, that of the highest score first; at
// least one.
std::vector<CtcText> ctc_beam_search(const CtcFrames& frames, int64_t beams,
                                     const CtcWords* words = nullptr);

// log p of exactly these labels; -infinity: they do not fit into the frames.
double ctc_log_probability(const CtcFrames& frames, std::span<const int64_t> labels);

// Frames [begin, end) of a label in the most probable alignment, and the mean log p there.
struct CtcSpan {
  int64_t begin = 0, end = 0;
  double log_p = 0;
};
// One for each label. Throws Error when they do not fit into the frames.
std::vector<CtcSpan> ctc_align(const CtcFrames& frames, std::span<const int64_t> labels);

// How many frames these labels need: one each, and a blank between equal neighbours.
int64_t ctc_least_frames(std::span<const int64_t> labels);

}  // namespace cairn::text
