#include "cairn/text/sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "cairn/base/error.h"

namespace cairn::text {
namespace {

const std::vector<float> kLogits = {0, 2, -1, 1};

std::map<int64_t, double> frequencies(const SamplingOptions& o, int draws = 20000) {
  PhiloxStream random(1);
  std::map<int64_t, double> found;
  for (int i = 0; i < draws; ++i) found[sample_token(kLogits, o, random)] += 1.0 / draws;
  return found;
}

TEST(Sampling, FollowsTheProbabilities) {
  for (double temperature : {0.5, 1.0, 2.0}) {
    double total = 0;
    for (float l : kLogits) total += std::exp(l / temperature);
    const auto found = frequencies({.temperature = temperature});
    for (const auto& [token, share] : found)
      EXPECT_NEAR(share, std::exp(kLogits[static_cast<size_t>(token)] / temperature) / total, 0.015)
          << temperature << " " << token;
  }
}

TEST(Sampling, TemperatureZeroIsGreedy) {
  const auto always = frequencies({.temperature = 0}, 50);
  EXPECT_EQ(always.size(), 1u);
  EXPECT_TRUE(always.contains(1));
  PhiloxStream random(1);
  EXPECT_EQ(sample_token(std::vector<float>{1, 3, 3}, {.temperature = 0}, random), 1);
}

TEST(Sampling, TopKAndTopP) {
  const auto two = frequencies({.top_k = 2});
  ASSERT_EQ(two.size(), 2u);
  EXPECT_NEAR(two.at(1), 1 / (1 + std::exp(-1)), 0.015);
  EXPECT_EQ(frequencies({.top_k = 99}).size(), 4u);
  // Probabilities: 0.64, 0.24, 0.09, 0.03.
  EXPECT_EQ(frequencies({.top_p = 0.6}).size(), 1u);
  EXPECT_EQ(frequencies({.top_p = 0.7}).size(), 2u);
  EXPECT_EQ(frequencies({.top_p = 0.95}).size(), 3u);
  EXPECT_EQ(frequencies({.top_k = 2, .top_p = 0.95}).size(), 2u);
}

TEST(Sampling, SameSeedSameTokens) {
  const Tensor logits = tensor<float>({0, 1, 2, 3, 3, 2, 1, 0}, {2, 4});
  PhiloxStream a(9), b(9);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(sample_tokens(logits, {}, a), sample_tokens(logits, {}, b));
}

TEST(Sampling, RefusesWhatMakesNoSense) {
  EXPECT_THROW(check_sampling({.temperature = -0.1}), UsageError);
  EXPECT_THROW(check_sampling({.temperature = std::nan("")}), UsageError);
  EXPECT_THROW(check_sampling({.top_k = -1}), UsageError);
  EXPECT_THROW(check_sampling({.top_p = 0}), UsageError);
  EXPECT_THROW(check_sampling({.top_p = 1.1}), UsageError);
  PhiloxStream random(1);
  EXPECT_THROW(sample_token(std::vector<float>{0, std::nanf("")}, {}, random), Error);
  EXPECT_THROW(sample_token(std::vector<float>{}, {}, random), Error);
  for (const double temperature : {0.0, 1.0}) {
    EXPECT_THROW(
        sample_token(std::vector<float>{0, INFINITY}, {.temperature = temperature}, random), Error);
    EXPECT_THROW(sample_token(std::vector<float>{-INFINITY, -INFINITY},
                              {.temperature = temperature}, random),
                 Error);
    EXPECT_EQ(sample_token(std::vector<float>{-INFINITY, 0}, {.temperature = temperature}, random),
              1);
  }
}

}  // namespace
}  // namespace cairn::text
