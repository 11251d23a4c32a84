// BLEU of single sentences, and of a set's own against each other, as NLTK has them
// (tools/dump_sentence_bleu.py).
#include "cairn/metrics/sentence_bleu.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cairn/base/error.h"
#include "cairn/io/file.h"

namespace cairn::metrics {
namespace {

using Json = nlohmann::json;
using Sentences = std::vector<Words>;

void expect_near(const SentenceBleu::Scores& scores, const Json& wanted) {
  for (size_t k = 0; k < scores.size(); ++k) EXPECT_NEAR(scores[k], wanted[k].get<double>(), 1e-12);
}

TEST(SentenceBleu, IsNltks) {
  const Json all = Json::parse(
      io::read_text_file(CAIRN_SOURCE_DIR "/tests/metrics/data/sentence_bleu.json", 10 << 20));
  const auto references = all["references"].get<Sentences>(), said = all["said"].get<Sentences>();
  const SentenceBleu bleu(references);
  SentenceBleu::Scores sums{};
  for (size_t i = 0; i < said.size(); ++i) {
    SCOPED_TRACE(i);
    expect_near(bleu.of(said[i]), all["scores"][i]);
    for (size_t k = 0; k < sums.size(); ++k)
      sums[k] += bleu.of(said[i])[k] / static_cast<double>(said.size());
  }
  for (size_t k = 0; k < sums.size(); ++k) EXPECT_NEAR(bleu.mean_of(said)[k], sums[k], 1e-12);
  for (size_t i = 0; i < references.size(); ++i) {
    SCOPED_TRACE(i);
    expect_near(bleu.of_reference(i, references[i]), all["self"][i]);
  }
  const Json& tie = all["tie"];
  expect_near(SentenceBleu(tie["references"].get<Sentences>()).of(tie["said"].get<Words>()),
              tie["scores"]);
}

TEST(SentenceBleu, OfNothing) {
  const Sentences one = {{"a", "dog"}};
  EXPECT_EQ(SentenceBleu(one).of({})[0], 0);
  EXPECT_EQ(SentenceBleu(one).of({"cat"})[0], 0);
  EXPECT_THROW(SentenceBleu(one).mean_of({}), Error);
  EXPECT_THROW(self_bleu(one), Error);
  const Sentences twins = {{"a", "dog", "runs"}, {"a", "dog", "runs"}};
  EXPECT_NEAR(self_bleu(twins)[0], 1, 1e-12);
}

}  // namespace
}  // namespace cairn::metrics
