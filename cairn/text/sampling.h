// The choice of the next token from a model's logits: greedy, or drawn after temperature, top-k and
// top-p (Holtzman et al. 2020).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "cairn/base/philox.h"
#include "cairn/tensor/tensor.h"

namespace cairn::text {

struct SamplingOptions {
  double temperature = 1;  // divides the logits; 0: the most likely token, always
  int64_t top_k = 0;       // only the k most likely; 0: all
  double top_p = 1;        // only the fewest most likely tokens that have this probability together
};
void check_sampling(const SamplingOptions& options);  // throws InvalidOption

// Throws Error where no token can be drawn: a logit is NaN or infinite, or all are minus infinity
// (one that is, is a token that is ruled out).
void check_logits(const char* what, std::span<const float> logits);

// One token. Equal logits: the lower number first.
int64_t sample_token(std::span<const float> logits, const SamplingOptions& options,
                     PhiloxStream& random);
// One for each row of logits [N, vocab], drawn in order.
std::vector<int64_t> sample_tokens(const Tensor& logits, const SamplingOptions& options,
                                   PhiloxStream& random);

}  // namespace cairn::text
