// Language models of words: what is estimated are probabilities, and ARPA files are read and
// written.
#include "cairn/text/ngram.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/base/error.h"
#include "cairn/text/ctc_decode.h"

namespace cairn::text {
namespace {

NgramModel of(const std::vector<std::string>& lines, int order) {
  size_t at = 0;
  return estimate_ngrams(
      [&](std::string& line) { return at < lines.size() && (line = lines[at++], true); }, order);
}
const std::vector<std::string> kLines{"a b c", "a b d", "b c a", "",    "d a b c a", "c c b a d",
                                      "a",     "b b a", "a c d", "a b", "d d a b",   "c a b d a"};

TEST(Ngram, ProbabilitiesAfterAnyContextSumToOne) {
  for (int order = 1; order <= 4; ++order) {
    const NgramModel model = of(kLines, order);
    for (const NgramModel::Words& context : {NgramModel::Words{},
                                             {NgramModel::kBegin},
                                             {3},
                                             {3, 4},
                                             {NgramModel::kBegin, 3},
                                             {3, 4, 5},
                                             {6, 6, 6},
                                             {NgramModel::kUnknown, 3}}) {
      double sum = 0;
      for (int32_t w = 0; w < model.words(); ++w)
        if (w != NgramModel::kBegin) sum += std::exp(model.log_probability(context, w));
      EXPECT_NEAR(sum, 1, 1e-5) << order << " after " << context.size();
    }
  }
}

// By hand: unigrams, where nothing but the counts matters. a 1, b 1, end 2; too few to estimate
// discounts, so 0.5 of what occurs once, 1 of what occurs twice, and of 4 words (with <unk>) each
// gets (0.5 + 0.5 + 1) / 4 / 4.
TEST(Ngram, HasTheValuesOfTheFormula) {
  const NgramModel model = of({"a", "b"}, 1);
  EXPECT_NEAR(std::exp(model.log_probability(NgramModel::Words{}, model.word("a"))),
              0.5 / 4 + 0.125, 1e-6);
  EXPECT_NEAR(std::exp(model.log_probability(NgramModel::Words{}, NgramModel::kEnd)),
              1.0 / 4 + 0.125, 1e-6);
  EXPECT_NEAR(std::exp(model.log_probability(NgramModel::Words{}, NgramModel::kUnknown)), 0.125,
              1e-6);
}

TEST(Ngram, WhatWasSeenIsMoreProbable) {
  const NgramModel model = of(kLines, 3);
  EXPECT_GT(model.log_probability("a b c"), model.log_probability("c b c"));
  EXPECT_GT(model.log_probability("a b"), model.log_probability("a x"));
}

TEST(Ngram, ArpaFilesAreReadAsTheyAreWritten) {
  const NgramModel model = of(kLines, 3), again = parse_arpa(model.to_arpa(), "again");
  EXPECT_EQ(again.order(), 3);
  EXPECT_EQ(again.words(), model.words());
  for (const std::string& line : kLines)
    EXPECT_NEAR(again.log_probability(line), model.log_probability(line), 1e-5) << line;
  EXPECT_EQ(again.to_arpa(), model.to_arpa());
}

TEST(Ngram, DamagedFilesAreRefusedWithTheirLine) {
  const auto expect_refused = [](std::string text, const std::string& part) {
    try {
      parse_arpa(text, "x.arpa");
      ADD_FAILURE() << text;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("x.arpa"), std::string::npos);
    }
  };
  const std::string good =
      "\\data\\\nngram 1=2\nngram 2=1\n\n\\1-grams:\n-1\t<s>\t-0.5\n-1\ta\t0\n"
      "\n\\2-grams:\n-0.3\t<s> a\n\n\\end\\\n";
  EXPECT_NEAR(parse_arpa(good, "x").log_probability(NgramModel::Words{NgramModel::kBegin}, 3),
              -0.3 * std::log(10), 1e-6);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  expect_refused("", "line 0");
  expect_refused("hello", "line 1");
  expect_refused(with("1=2", "1=3"), "line 9");
  expect_refused(with("ngram 2", "ngram 3"), "line 3");
  expect_refused(with("-1\ta", "nan\ta"), "line 7");
  expect_refused(with("-1\ta", "5\ta"), "line 7");
  expect_refused(with("<s> a", "<s> b"), "'b'");
  expect_refused(with("<s> a", "a"), "line 10");
  expect_refused(with("\\end\\", ""), "cut");
  expect_refused(with("-1\ta\t0", "-1\t<s>\t0"), "twice");
  expect_refused(with("-1\ta\t0", "-1\ta\xff"),
                 "line 7, byte 4: not UTF-8");  // a character cut off
  EXPECT_THROW(of({}, 3), Error);
  EXPECT_THROW(of({"a"}, 11), Error);
}

TEST(Ngram, ALanguageModelDecidesBetweenWordsThatSoundAlike) {
  const std::vector<std::string> labels{"", " ", "a", "b"};
  const NgramModel model = of({"a b", "a b", "b b"}, 2);
  // "a", blank, then "a" a little more probable than "b".
  std::vector<float> log_p;
  for (const std::vector<double>& p : {std::vector<double>{0.01, 0.01, 0.97, 0.01},
                                       {0.01, 0.97, 0.01, 0.01},
                                       {0.01, 0.01, 0.55, 0.43}})
    for (const double v : p) log_p.push_back(static_cast<float>(std::log(v)));
  const CtcFrames frames{log_p, 4, 0};
  EXPECT_EQ(ctc_beam_search(frames, 16)[0].labels, (std::vector<int64_t>{2, 1, 2}));
  const CtcWords words{model, labels, 1, 0};
  const CtcText best = ctc_beam_search(frames, 16, &words)[0];
  EXPECT_EQ(best.labels, (std::vector<int64_t>{2, 1, 3}));
  EXPECT_NEAR(best.score, best.log_probability + model.log_probability("a b"), 1e-5);
}

}  // namespace
}  // namespace cairn::text
