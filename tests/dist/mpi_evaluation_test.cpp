// What ranks share out beside the steps: losses that are means over other things than rows,
// evaluations, and what one rank does alone.
#include "tests/dist/ranks.h"

namespace cairn::dist_test {
namespace {

class MpiEvaluation : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef CAIRN_MPI
    GTEST_SKIP() << "built without MPI";
#endif
  }
  void train(int count, const Arguments& arguments) {
    const Outcome o = train_on(count, arguments + Arguments{"--threads", "1"});
    ASSERT_EQ(o.status, 0) << o.err;
  }
  std::string at(const std::string& name) const { return folder_ / name; }
  // One and two ranks have one curve.
  void expect_one_curve(const Arguments& arguments, size_t steps) {
    train(1, arguments + Arguments{"--out", at("1")});
    train(2, arguments + Arguments{"--out", at("2")});
    expect_same_curve(at("1"), at("2"), 1e-4, steps);
  }

  TemporaryFolder folder_;
};

// Texts have other lengths, so that half of the rows is not half of the tokens.
TEST_F(MpiEvaluation, ALossOverTokensIsThatOfOneProcess) {
  expect_one_curve({"train",          "machine-translation",
                    "--data",         "dates",
                    "--vocab",        "300",
                    "--layers",       "1",
                    "--width",        "16",
                    "--heads",        "2",
                    "--feed-forward", "32",
                    "--batch",        "15",
                    "--steps",        "20",
                    "--eval-every",   "20",
                    "--dropout",      "0"},
                   20);
}

// The points that have objects are others on each rank, and may be none.
TEST_F(MpiEvaluation, ALossOverObjectsIsThatOfOneProcess) {
  expect_one_curve(
      {"train", "object-detection", "--data", "shapes", "--width", "8", "--image-size", "64",
       "--batch", "4", "--steps", "4", "--eval-every", "4", "--batch-norm", "synchronised"},
      3);  // then roundings have grown
}

TEST_F(MpiEvaluation, PartsOfABatchAreWeightedByTokensToo) {
  const Arguments arguments = {"train",          "machine-translation",
                               "--data",         "dates",
                               "--vocab",        "300",
                               "--layers",       "1",
                               "--width",        "16",
                               "--heads",        "2",
                               "--feed-forward", "32",
                               "--batch",        "15",
                               "--steps",        "20",
                               "--eval-every",   "20",
                               "--dropout",      "0"};
  train(1, arguments + Arguments{"--out", at("whole")});
  train(1, arguments + Arguments{"--out", at("parts"), "--accumulate", "4"});
  expect_same_curve(at("whole"), at("parts"), 1e-4, 20);
}

// 5 ranks do not divide what is measured. Each batch is computed as one process computes it.
TEST_F(MpiEvaluation, AnEvaluationIsThatOfOneProcess) {
  const Arguments eval = {"eval", Trained::get().run(), "--json", "--threads", "1"};
  const Outcome one = cairn(eval);
  ASSERT_EQ(one.status, 0) << one.err;
  for (const int count : {2, 5}) {
    const Outcome o = Launched(ranks(count, eval))->wait();
    ASSERT_EQ(o.status, 0) << o.err;
    EXPECT_EQ(o.out, one.out);  // once, and the same numbers
  }
}

TEST_F(MpiEvaluation, SoIsThatOfALanguageModel) {
  for (const std::string model : {"gpt", "lstm"}) {
    train(1, {"train", "language-model", "--model", model, "--width", "16", "--layers", "1",
              "--context", "32", "--batch", "8", "--steps", "4", "--out", at(model)});
    const Arguments eval = {"eval", at(model), "--json", "--threads", "1"};
    const Json one = cairn(eval).json(), three = Launched(ranks(3, eval))->wait().json();
    EXPECT_EQ(one["examples"], three["examples"]);
    EXPECT_NEAR(one["loss"], three["loss"], 1e-6);
  }
}

TEST_F(MpiEvaluation, WhatIsNotSharedRankZeroDoes) {
  const Arguments predict = {"predict", Trained::get().run(), Trained::get().picture(), "--json"};
  const Outcome one = cairn(predict), two = Launched(ranks(2, predict))->wait();
  EXPECT_EQ(two.status, 0) << two.err;
  // Once, by the same words; bound to one core it may compute by other kernels.
  const Json two_said = two.json(), one_said = one.json();
  EXPECT_EQ(two_said["file"], one_said["file"]);
  for (size_t i = 0; i < one_said["classes"].size(); ++i) {
    EXPECT_EQ(two_said["classes"][i]["label"], one_said["classes"][i]["label"]);
    EXPECT_NEAR(two_said["classes"][i]["probability"].get<double>(),
                one_said["classes"][i]["probability"].get<double>(), 1e-5);
  }
  EXPECT_TRUE(two.says("2 ranks were started; 'predict' is done by rank 0 alone")) << two.err;
  const Outcome wrong = Launched(ranks(2, {"predict", folder_ / "missing"}))->wait();
  EXPECT_NE(wrong.status, 0);
}

}  // namespace
}  // namespace cairn::dist_test
