// Beam search: the most likely ways to go on that are found by keeping a few in view at each step.
#pragma once
#include <optional>

#include "cairn/text/reader.h"

namespace cairn::text {

struct BeamOptions {
  int64_t beams = 4;  // kept in view, for each text
  int64_t max_tokens = 100;
  std::vector<int64_t> max_tokens_of =
      {};  // of each text, where they differ; none above max_tokens
  // Scores are log-probabilities divided by ((5 + tokens) / 6)^length_penalty (Wu et al. 2016):
  // above 0 favours longer ways on. It matters only where an end token makes lengths differ.
  double length_penalty = 0;
  std::optional<int64_t> end_token = {};
  int64_t no_repeat = 0;  // no run of so many tokens twice in a text; 0: whatever is likely
  // A text's search is over when patience * beams ways have ended (Kasai et al. 2022): 1 as others
  // have it, more looks further. 0: when none in view can still become better than those.
  double patience = 0;
};

struct Continuation {
  std::vector<int64_t> tokens;  // the end token included, if that is how it ended
  double log_probability = 0, score = 0;
};

// For each of the reader's texts, after it has read the prompts [texts, T], the best continuations,
// at most `beams`, by falling score. The reader is left in the middle of the search: give it up.
// Batched: one step of the network advances all texts and beams. Throws Error on a logit that is
// NaN.
std::vector<std::vector<Continuation>> beam_search(Reader& reader, std::span<const int64_t> prompts,
                                                   const BeamOptions& options);

}  // namespace cairn::text
