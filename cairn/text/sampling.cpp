#include "cairn/text/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cairn/base/invalid_option.h"

namespace cairn::text {
namespace {

// Tokens that may be drawn, with their probabilities (not normalised).
struct Candidates {
  std::vector<int64_t> tokens;
  std::vector<double> weights;
  double total = 0;

  void keep(size_t count) {
    tokens.resize(count), weights.resize(count);
    total = std::accumulate(weights.begin(), weights.end(), 0.0);
  }
};

// The most likely first where an option needs that order.
Candidates candidates(std::span<const float> logits, const SamplingOptions& o) {
  Candidates c;
  c.tokens.resize(logits.size());
  std::iota(c.tokens.begin(), c.tokens.end(), 0);
  const auto count =
      o.top_k ? std::min(static_cast<size_t>(o.top_k), logits.size()) : logits.size();
  if (o.top_k || o.top_p < 1)
    std::partial_sort(c.tokens.begin(), c.tokens.begin() + static_cast<ptrdiff_t>(count),
                      c.tokens.end(), [&](int64_t a, int64_t b) {
                        return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
                      });
  const double largest = *std::max_element(logits.begin(), logits.end());
  for (int64_t token : c.tokens)
    c.weights.push_back(std::exp((logits[static_cast<size_t>(token)] - largest) / o.temperature));
  c.keep(count);
  return c;
}

void keep_nucleus(Candidates& c, double top_p) {
  double sum = 0;
  for (size_t i = 0; i < c.weights.size(); ++i) {
    sum += c.weights[i];
    if (sum >= top_p * c.total) return c.keep(i + 1);
  }
}

}  // namespace

void check_sampling(const SamplingOptions& o) {
  if (!(o.temperature >= 0) || !std::isfinite(o.temperature))
    throw InvalidOption("temperature",
                        fmt::format("{} is no finite number of at least 0", o.temperature));
  if (o.top_k < 0)
    throw InvalidOption("top_k", fmt::format("{} is negative; 0 keeps all tokens", o.top_k));
  if (!(o.top_p > 0 && o.top_p <= 1))
    throw InvalidOption("top_p", fmt::format("{} is not above 0 and at most 1", o.top_p));
}

void check_logits(const char* what, std::span<const float> logits) {
  check(!logits.empty(), "{}: no logits", what);
  bool any = false;
  for (float logit : logits) {
    check(!std::isnan(logit) && logit < INFINITY, "{}: a logit is {}: the weights are damaged",
          what, std::isnan(logit) ? "NaN" : "infinite");
    any |= std::isfinite(logit);
  }
  check(any,
        "{}: all logits are minus infinity: the weights are damaged, or every token is ruled out",
        what);
}

int64_t sample_token(std::span<const float> logits, const SamplingOptions& options,
                     PhiloxStream& random) {
  check_logits("sampling", logits);
  if (options.temperature == 0)
    return std::max_element(logits.begin(), logits.end()) - logits.begin();
  Candidates c = candidates(logits, options);
  if (options.top_p < 1) keep_nucleus(c, options.top_p);
  const uint32_t high = random.next();
  double left = uniform_from(high, random.next()) * c.total;
  for (size_t i = 0; i < c.tokens.size(); ++i)
    if ((left -= c.weights[i]) < 0) return c.tokens[i];
  return c.tokens.back();
}

std::vector<int64_t> sample_tokens(const Tensor& logits, const SamplingOptions& options,
                                   PhiloxStream& random) {
  check(logits.rank() == 2, "sampling: logits {} are not [N, vocab]", to_string(logits.shape()));
  const auto values = logits.to_vector<float>();
  const auto vocab = static_cast<size_t>(logits.size(1));
  std::vector<int64_t> tokens;
  for (int64_t n = 0; n < logits.size(0); ++n)
    tokens.push_back(
        sample_token({values.data() + static_cast<size_t>(n) * vocab, vocab}, options, random));
  return tokens;
}

}  // namespace cairn::text
