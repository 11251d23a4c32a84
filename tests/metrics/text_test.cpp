// Measures of text against what the field's own tools say (tools/dump_text_metrics.py), and the
// traps that others fell into.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cairn/base/error.h"
#include "cairn/io/file.h"
#include "cairn/metrics/bleu.h"
#include "cairn/metrics/porter.h"
#include "cairn/metrics/rouge.h"
#include "cairn/metrics/squad.h"

namespace cairn::metrics {
namespace {

using Json = nlohmann::json;
using Texts = std::vector<std::string>;

const Json& dumped() {
  static const Json all =
      Json::parse(io::read_text_file(CAIRN_SOURCE_DIR "/tests/metrics/data/text.json", 10 << 20));
  return all;
}

double bleu_of(const Texts& said, const std::vector<References>& references) {
  return bleu(said, references).score;
}

void expect_equal(const Json& wanted, const Rouge& r, const std::string& where) {
  const auto one = [&](const char* name, const Rouge::Score& s) {
    EXPECT_DOUBLE_EQ(s.precision, wanted[name][0].get<double>()) << name << " of " << where;
    EXPECT_DOUBLE_EQ(s.recall, wanted[name][1].get<double>()) << name << " of " << where;
    EXPECT_DOUBLE_EQ(s.f, wanted[name][2].get<double>()) << name << " of " << where;
  };
  one("rouge1", r.rouge1), one("rouge2", r.rouge2);
  one("rougeL", r.rougeL), one("rougeLsum", r.rougeLsum);
}

}  // namespace

TEST(Bleu, IsSacrebleus) {
  ASSERT_GE(dumped()["corpora"].size(), 15u);
  for (const Json& c : dumped()["corpora"]) {
    const auto said = c["hypotheses"].get<Texts>();
    const auto references = c["references"].get<std::vector<References>>();
    const Bleu b = bleu(said, references);
    EXPECT_EQ(b.to_string(), c["bleu_text"].get<std::string>());
    EXPECT_NEAR(b.score, c["bleu"].get<double>(), 1e-9) << c["bleu_text"];
    EXPECT_EQ(bleu_signature(references), c["bleu_signature"].get<std::string>());
  }
}

TEST(Chrf, IsSacrebleus) {
  for (const Json& c : dumped()["corpora"]) {
    const auto said = c["hypotheses"].get<Texts>();
    const auto references = c["references"].get<std::vector<References>>();
    const double score = chrf(said, references);
    EXPECT_EQ(fmt::format("{:.2f}", score), c["chrf_text"].get<std::string>());
    EXPECT_NEAR(score, c["chrf"].get<double>(), 1e-9) << c["hypotheses"];
    EXPECT_EQ(chrf_signature(references), c["chrf_signature"].get<std::string>());
  }
}

TEST(Bleu, ShortAndEmptySegmentsAddWhatTheyHave) {
  const Texts said = {"a b c d e", "yes", ""};
  EXPECT_DOUBLE_EQ(bleu_of(said, {{"a b c d e"}, {"yes"}, {""}}), 100);
  EXPECT_EQ(bleu(said, std::vector<References>{{"a b c d e"}, {"yes"}, {""}}).total,
            (std::array<int64_t, 4>{6, 4, 3, 2}));
}

TEST(Bleu, NearestLengthWhateverTheOrder) {
  const Texts said = {"a b c d"};
  const std::vector<References> one = {{"a b c", "a b c d e"}}, other = {{"a b c d e", "a b c"}};
  EXPECT_EQ(bleu(said, one).reference_length, 3);  // as near: the shorter
  EXPECT_EQ(bleu(said, other).reference_length, 3);
  EXPECT_EQ(bleu_of(said, one), bleu_of(said, other));
}

TEST(Bleu, RefusesWhatDoesNotMatch) {
  const auto error_of = [](const Texts& said, const std::vector<References>& references) {
    try {
      bleu(said, references);
    } catch (const Error& e) { return std::string(e.what()); }
    return std::string();
  };
  EXPECT_NE(error_of({"a"}, {{"a"}, {"b"}}).find("1 texts to judge, but references for 2"),
            std::string::npos);
  EXPECT_NE(error_of({"a", "b"}, {{"a"}, {}}).find("segment 1 has no reference"),
            std::string::npos);
  EXPECT_NE(error_of({"a\xff"}, {{"a"}}).find("segment 0 is not UTF-8 (byte 1)"),
            std::string::npos);
}

TEST(Rouge, IsRougeScores) {
  ASSERT_GE(dumped()["rouge"].size(), 40u);
  for (const Json& c : dumped()["rouge"]) {
    const auto reference = c["reference"].get<std::string>();
    const auto summary = c["summary"].get<std::string>();
    expect_equal(c["plain"], rouge(reference, summary, RougeWords::plain), c.dump());
    expect_equal(c["stemmed"], rouge(reference, summary, RougeWords::stemmed), c.dump());
  }
  const Json& best = dumped()["rouge_best"];
  expect_equal(best["best"],
               best_rouge(best["references"].get<Texts>(), best["summary"].get<std::string>(),
                          RougeWords::plain),
               "the best");
}

TEST(Rouge, WhoRepeatsHimselfGainsNothing) {
  const Rouge r = rouge("the cat", "the cat the cat the cat", RougeWords::plain);
  EXPECT_DOUBLE_EQ(r.rouge1.precision, 1.0 / 3);
  EXPECT_LE(r.rouge1.f, 1);
  EXPECT_LE(r.rougeLsum.f, 1);
}

TEST(Rouge, OtherScriptsHaveNoWords) {
  EXPECT_TRUE(rouge_words("猫が走る", RougeWords::plain).empty());
  EXPECT_EQ(rouge("猫が走る", "猫が走る", RougeWords::plain).rouge1.f, 0);
}

TEST(Rouge, WordsOfAnyScriptCountWhereTheyAreAskedFor) {
  constexpr RougeWords kAny = RougeWords::of_any_script;
  EXPECT_EQ(rouge_words("Die Straße_2, ÉTÉ", kAny), (Texts{"die", "straße", "2", "été"}));
  EXPECT_EQ(rouge_words("猫が走る cat", kAny), (Texts{"猫", "が", "走", "る", "cat"}));
  EXPECT_EQ(rouge_words("हिन्दी में", kAny), (Texts{"हिन्दी", "में"}));
  EXPECT_EQ(rouge("猫が走る", "猫が走る", kAny).rougeL.f, 1);
  EXPECT_DOUBLE_EQ(rouge("Она поёт", "она спит", kAny).rouge1.f, 0.5);
  // What is written in a to z is the same by both.
  const std::string plain = "It's 3.14, isn't it? THE end";
  EXPECT_EQ(rouge_words(plain, kAny), rouge_words(plain, RougeWords::plain));
}

TEST(Porter, IsNltks) {
  ASSERT_GE(dumped()["stems"].size(), 2000u);
  for (const auto& [word, stem] : dumped()["stems"].items())
    EXPECT_EQ(porter_stem(word), stem.get<std::string>()) << word;
}

TEST(Squad, IsTheOfficialScripts) {
  for (const auto& [text, plain] : dumped()["normalized"].items())
    EXPECT_EQ(normalize_answer(text), plain.get<std::string>()) << text;
  ASSERT_GE(dumped()["squad"].size(), 200u);
  for (const Json& c : dumped()["squad"]) {
    const AnswerScore s =
        score_answer(c["answers"].get<Texts>(), c["predicted"].get<std::string>());
    EXPECT_DOUBLE_EQ(s.exact_match, c["exact_match"].get<double>()) << c;
    EXPECT_DOUBLE_EQ(s.f1, c["f1"].get<double>()) << c;
  }
}

TEST(Squad, NoAnswerAtAllIsAnAnswer) {
  EXPECT_EQ(score_answer({}, "").f1, 1);
  EXPECT_EQ(score_answer({}, "something").exact_match, 0);
  EXPECT_EQ(score_answer({"the"}, "a").exact_match, 1);  // nothing is left of either
}

}  // namespace cairn::metrics
