// Looks into a trained language model: what it expected, what its cells and heads attend to. All in
// evaluation mode, under NoGrad.
#pragma once
#include <span>

#include "cairn/models/language_model.h"
#include "cairn/text/tokenizer.h"

namespace cairn::models {

// -log of the probability of each token but the first, given those before it (in a GPT at most a
// context of them).
std::vector<float> surprises(LanguageModel& network, std::span<const int64_t> tokens);

// The output of the last recurrent layer that goes most closely with the tokens since the last line
// break; `values` are its deviations from its mean, the largest 1.
struct Cell {
  int64_t number;
  double correlation;
  std::vector<double> values;  // one a token
};
Cell line_counting_cell(LanguageModel& network, std::span<const int64_t> tokens,
                        const text::Tokenizer& tokenizer);

struct AttentionMap {
  int64_t layer, head;
  std::vector<float> weights;  // [T, T]: row t is what token t takes from each token
};
std::vector<AttentionMap> attention_maps(Gpt& gpt, std::span<const int64_t> tokens);
// The `count` maps that are farthest from an even look back, in their own order.
std::vector<AttentionMap> most_peculiar(const std::vector<AttentionMap>& maps, size_t count);

}  // namespace cairn::models
