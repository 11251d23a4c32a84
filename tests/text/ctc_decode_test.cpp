// Searches of a CTC network's output against all alignments that there are.
#include "cairn/text/ctc_decode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "cairn/base/error.h"
#include "cairn/base/philox.h"

namespace cairn::text {
namespace {

struct Case {
  std::vector<float> log_p;
  int64_t labels, blank;
  CtcFrames frames() const { return {log_p, labels, blank}; }
};

Case random_case(int64_t frames, int64_t labels, int64_t blank, uint64_t seed) {
  Case c{{}, labels, blank};
  PhiloxStream random(seed);
  for (int64_t t = 0; t < frames; ++t) {
    std::vector<double> p(static_cast<size_t>(labels));
    double sum = 0;
    for (double& v : p) sum += v = std::exp(2 * random.normal());
    for (const double v : p) c.log_p.push_back(static_cast<float>(std::log(v / sum)));
  }
  return c;
}

// The probability of every text, from every path.
std::map<std::vector<int64_t>, double> all_texts(const Case& c) {
  std::map<std::vector<int64_t>, double> all;
  const int64_t frames = c.frames().frames();
  std::vector<int64_t> path(static_cast<size_t>(frames), 0);
  while (true) {
    double log_p = 0;
    std::vector<int64_t> text;
    for (int64_t t = 0; t < frames; ++t) {
      log_p += c.frames().at(t, path[t]);
      if (path[t] != c.blank && (t == 0 || path[t] != path[t - 1])) text.push_back(path[t]);
    }
    all[text] += std::exp(log_p);
    int64_t t = 0;
    while (t < frames && ++path[t] == c.labels) path[t++] = 0;
    if (t == frames) return all;
  }
}

class Searches : public testing::TestWithParam<int64_t> {};  // the blank: first, last

TEST_P(Searches, FindTheMostProbableTextAndItsProbability) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Case c = random_case(5, 3, GetParam(), seed);
    const auto all = all_texts(c);
    const auto best = std::max_element(
        all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    const auto found = ctc_beam_search(c.frames(), 1000);
    EXPECT_EQ(found[0].labels, best->first);
    EXPECT_EQ(found.size(), all.size());
    for (const CtcText& text : found)
      EXPECT_NEAR(std::exp(text.log_probability), all.at(text.labels), 1e-6);
    // Few prefixes may miss it, but what they find has the probability that it has.
    const auto few = ctc_beam_search(c.frames(), 2);
    EXPECT_NEAR(std::exp(few[0].log_probability), all.at(few[0].labels), 1e-6);
  }
}

TEST_P(Searches, SumOverPathsSoThatTheyMayDifferFromGreedy) {
  // Twice blank 0.6 is 0.36, but "a" has 0.4 0.4 + 2 0.4 0.6 = 0.64.
  const int64_t blank = GetParam() == 0 ? 0 : 1, a = 1 - blank;
  Case c{std::vector<float>(4), 2, blank};
  for (int64_t t = 0; t < 2; ++t) {
    c.log_p[t * 2 + blank] = std::log(0.6f);
    c.log_p[t * 2 + a] = std::log(0.4f);
  }
  EXPECT_TRUE(ctc_greedy(c.frames()).empty());
  const auto found = ctc_beam_search(c.frames(), 8);
  EXPECT_EQ(found[0].labels, std::vector<int64_t>{a});
  EXPECT_NEAR(std::exp(found[0].log_probability), 0.64, 1e-6);
}

TEST_P(Searches, GreedyJoinsRepeatsThatNoBlankParts) {
  const int64_t blank = GetParam(), a = blank == 0 ? 1 : 0;
  const std::vector<int64_t> path{a, a, blank, a, blank, blank};
  Case c{std::vector<float>(path.size() * 3, -5.f), 3, blank};
  for (size_t t = 0; t < path.size(); ++t) c.log_p[t * 3 + path[t]] = -0.01f;
  EXPECT_EQ(ctc_greedy(c.frames()), (std::vector<int64_t>{a, a}));
  const auto spans = ctc_align(c.frames(), std::vector<int64_t>{a, a});
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0].begin, 0);
  EXPECT_EQ(spans[0].end, 2);
  EXPECT_EQ(spans[1].begin, 3);
  EXPECT_EQ(spans[1].end, 4);
  EXPECT_NEAR(spans[1].log_p, -0.01, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Blank, Searches, testing::Values(0, 2));

TEST(Ctc, TextsThatDoNotFitAreSaid) {
  const Case c = random_case(3, 3, 0, 1);
  const std::vector<int64_t> twice{1, 1}, thrice{1, 1, 1};
  EXPECT_EQ(ctc_least_frames(twice), 3);
  EXPECT_TRUE(std::isfinite(ctc_log_probability(c.frames(), twice)));
  EXPECT_EQ(ctc_log_probability(c.frames(), thrice), -INFINITY);
  EXPECT_THROW(ctc_align(c.frames(), thrice), Error);
  const Case none{{}, 3, 0};
  EXPECT_EQ(ctc_beam_search(none.frames(), 4)[0].labels.size(), 0u);
  EXPECT_TRUE(ctc_align(none.frames(), {}).empty());
  EXPECT_THROW(ctc_beam_search(c.frames(), 0), Error);
}

}  // namespace
}  // namespace cairn::text
