// Adversarial text: how it is judged, and that what is written ends and is drawn as the network
// says.
#include "cairn/tasks/text_gan/task.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "cairn/autograd/autograd.h"
#include "cairn/base/parallel.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/train/signals.h"
#include "tests/io/temporary_folder.h"
#include "tests/tasks/runs.h"

namespace cairn::tasks::text_gan {
namespace {

constexpr int64_t kEnd = 1;

models::SentenceWriter small_writer() {
  manual_seed(3);
  models::SentenceWriter writer(
      {.vocab = 9, .longest = 5, .end = kEnd, .embedding = 4, .width = 8, .dropout = 0.5});
  writer.eval();
  return writer;
}

TEST(TextGan, WordsAreDrawnWithTheirProbabilities) {
  set_num_threads(1);
  const NoGrad no_grad;
  const auto writer = small_writer();
  const Tensor begin = full({1, 1}, static_cast<double>(kEnd), DType::i64);
  const auto p = softmax(writer(begin) * 2.0, -1).to_vector<float>();
  const int64_t n = 20000;
  std::vector<float> uniform(n * 5, 0.5f);
  for (int64_t i = 0; i < n; ++i) uniform[i * 5] = (static_cast<float>(i) + 0.5f) / n;
  const auto drawn = writer.write(tensor(uniform, {n, 5}), full({}, 2)).to_vector<int64_t>();
  std::vector<double> part(9);
  for (int64_t i = 0; i < n; ++i) part[static_cast<size_t>(drawn[i * 5])] += 1.0 / n;
  for (size_t v = 0; v < 9; ++v) EXPECT_NEAR(part[v], p[v], 1e-3) << v;
}

// Even where the network holds it for certain.
TEST(TextGan, WhatStandsForUnknownWordsIsNeverWritten) {
  set_num_threads(1);
  const NoGrad no_grad;
  manual_seed(3);
  for (const int64_t unknown : {0, 4, 8}) {
    models::SentenceWriter writer({.vocab = 9,
                                   .longest = 5,
                                   .end = kEnd,
                                   .unknown = unknown,
                                   .embedding = 4,
                                   .width = 8,
                                   .dropout = 0});
    writer.eval();
    for (const auto& [name, value] : writer.state_dict())
      if (name == "head.bias")
        assign(value, flatten(one_hot(full({1}, double(unknown), DType::i64), 9)) * 50.0);
    std::vector<float> uniform(2000 * 5);
    for (size_t i = 0; i < uniform.size(); ++i)
      uniform[i] = static_cast<float>(i * 7919 % 10000) / 10000;  // 0 among them
    for (const double sharpness : {0.01, 1.0, 20.0}) {
      const auto words = writer.write(tensor(uniform, {2000, 5}), full({}, sharpness));
      for (const int64_t word : words.to_vector<int64_t>()) {
        ASSERT_NE(word, unknown) << sharpness;
        ASSERT_TRUE(word >= 0 && word < 9) << sharpness;
      }
    }
    const Tensor soft = writer.write_softly(20, full({}, 1));
    for (const float p : select(soft, 2, unknown).to_vector<float>()) ASSERT_EQ(p, 0);
    for (const float s : sum(soft, {2}).to_vector<float>()) ASSERT_NEAR(s, 1, 1e-5);
  }
  Options o;
  o.vocab.fill(9);
  EXPECT_EQ(o.size().unknown, int64_t{text::WordTokenizer::kUnknown});
}

TEST(TextGan, AfterAnEndNothingFollows) {
  set_num_threads(1);
  const NoGrad no_grad;
  const auto writer = small_writer();
  manual_seed(5);
  const auto words = writer.write(rand({200, 5}), full({}, 1)).to_vector<int64_t>();
  for (size_t i = 0; i < 200; ++i)
    for (size_t t = 1; t < 5; ++t) {
      if (words[i * 5 + t - 1] != kEnd) continue;
      EXPECT_EQ(words[i * 5 + t], kEnd);
    }
}

TEST(TextGan, SoftWordsSumToOneSharpenAndHaveGradients) {
  set_num_threads(1);
  const auto writer = small_writer();
  manual_seed(5);
  const Tensor soft = writer.write_softly(6, full({}, 1));
  EXPECT_EQ(soft.shape(), (Shape{6, 5, 9}));
  for (const float s : sum(soft, {2}).to_vector<float>()) EXPECT_NEAR(s, 1, 1e-5);
  models::SentenceReader reader(9, 2, 4, 6);
  for (const Tensor& g : grad({mean(reader(soft))}, writer.parameters()))
    EXPECT_GT(sum(abs(g)).item(), 0);
  const Tensor sharp = writer.write_softly(6, full({}, 1e4));
  for (const float m : amax(sharp, {2}).to_vector<float>()) EXPECT_GT(m, 0.99f);
}

TEST(TextGan, WordsAndTheirMixturesAreReadAlike) {
  set_num_threads(1);
  const NoGrad no_grad;
  models::SentenceReader reader(9, 3, 4, 6);
  const Tensor words = tensor(std::vector<int64_t>{3, 4, 1, 1, 1, 2, 2, 8, 5, 1}, {2, 5});
  const auto a = reader(words).to_vector<float>(), b = reader(one_hot(words, 9)).to_vector<float>();
  ASSERT_EQ(a.size(), 6u);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
}

TEST(TextGan, WhatFollowsAnEndIsNothingToLearn) {
  const Tensor words = tensor(std::vector<int64_t>{3, 4, 1, 1, 5, 6, 7, 8}, {2, 4});
  const Tensors s = shifted(words);
  EXPECT_EQ(s[0].to_vector<int64_t>(), (std::vector<int64_t>{1, 3, 4, 1, 1, 5, 6, 7}));
  EXPECT_EQ(s[1].to_vector<int64_t>(), (std::vector<int64_t>{3, 4, 1, -100, 5, 6, 7, 8}));
}

TEST(TextGan, TheJudgeCountsCopiesAndComparesWhereBothRepeatThemselves) {
  const std::vector<std::string> real = {"a dog runs .", "a cat sits on a bench .", "birds fly ."};
  const Judge judge(real, {"a cow eats .", "the sun is up ."});
  const Json r = judge.judge({{"a", "cow", "eats", "."}, {"a", "dog", "runs", "."}});
  EXPECT_DOUBLE_EQ(r["copied"].get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(r["distinct"].get<double>(), 1);
  EXPECT_GT(r["reverse_perplexity"].get<double>(), 1);
  const Json curve = Json::parse(R"([{"bleu3": 0.2, "self_bleu3": 0.1},
                                     {"bleu3": 0.4, "self_bleu3": 0.3}])");
  const auto said = [&](double bleu, double repeats) {
    return verdict({{"bleu3", bleu}, {"self_bleu3", repeats}}, curve);
  };
  EXPECT_NE(said(0.35, 0.2).find("better"), std::string::npos);
  EXPECT_NE(said(0.25, 0.2).find("worse"), std::string::npos);
  EXPECT_NE(said(0.301, 0.2).find("little"), std::string::npos);
  EXPECT_NE(said(0.9, 0.8).find("cannot be compared"), std::string::npos);
}

// Whenever it is looked at, saved or stopped.
TEST(TextGan, TheWriterByLikelihoodIsOfTheStepWhereTheTwoMeet) {
  set_num_threads(1);
  const TemporaryFolder folder;
  const auto weights = [&](const std::string& name, int64_t sample_every, int64_t stop) {
    const auto options = [&] {
      Options o;
      o.read_file({{"batch", 8}, {"width", 8}, {"embedding", 4}, {"looks", 2}, {"longest", 8}},
                  "options");
      o.steps = 9, o.likelihood_steps = 5, o.sample_every = sample_every;
      o.out = folder / name, o.quiet = true;
      return o;
    };
    Options o = options();
    o.stop_after_steps = stop;
    if (stop > 0) {
      EXPECT_THROW(train(o), train::Stopped);
      Options again;
      again.out = folder / name, again.quiet = true, again.resume = true;
      train(again);
    } else {
      train(o);
    }
    return train::read_weights(folder / name + "/" + kLikelihood)[0].second.to_vector<float>();
  };
  const auto wanted = weights("a", 9, 0);
  EXPECT_EQ(weights("b", 3, 0), wanted);
  EXPECT_EQ(weights("c", 9, 3), wanted);
  EXPECT_EQ(weights("d", 9, 7), wanted);
  const auto model = open_model(folder / "a");
  EXPECT_TRUE(dynamic_cast<TextWriter&>(*model).met());
}

// The test part of the run's own data; another file is compared with whole, and that is said.
TEST(TextGan, OtherSentencesAreComparedWithWhole) {
  set_num_threads(1);
  const TemporaryFolder folder;
  const auto model = open_model(Runs::get().of(kTask));
  auto& writer = dynamic_cast<TextWriter&>(*model);
  const auto scenes = data::open_sentences("scenes");
  std::ofstream(folder / "other") << scenes.train[0] << '\n'
                                  << scenes.train[1] << '\n'
                                  << scenes.test[0] << '\n';
  JudgingOptions how;
  how.samples = 4;
  EXPECT_EQ(evaluate(writer, how)["split"], "test");
  how.data = folder / "other";
  const Json all = evaluate(writer, how);
  EXPECT_EQ(all["split"], "all");
  EXPECT_EQ(all["examples"], 3);
}

TEST(TextGan, ScenesAreAlwaysTheSame) {
  const auto s = data::open_sentences("scenes");
  EXPECT_EQ(s.train.size(), 4000u);
  EXPECT_EQ(s.test.size(), 1000u);
  EXPECT_EQ(s.train, data::open_sentences("scenes").train);
}

}  // namespace
}  // namespace cairn::tasks::text_gan
