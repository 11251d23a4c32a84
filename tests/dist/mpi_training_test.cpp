// Trainings over real processes: the same curve as one process has, the same bits each time, and
// going on with as many ranks or others.
#include "tests/dist/ranks.h"

namespace cairn::dist_test {
namespace {

Arguments tabular(const std::string& run, const Arguments& other = {}) {
  return changed({"train", "tabular", "--steps", "30", "--batch", "62", "--seed", "3", "--out", run,
                  "--threads", "1"},
                 other);
}
Arguments language(const std::string& model, const std::string& run) {
  return {"train",        "language-model",
          "--model",      model,
          "--width",      "32",
          "--layers",     "1",
          "--context",    "32",
          "--batch",      "8",
          "--steps",      "25",
          "--eval-every", "25",
          "--out",        run,
          "--threads",    "1",
          "--dropout",    "0"};
}

class MpiTraining : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef CAIRN_MPI
    GTEST_SKIP() << "built without MPI";
#endif
  }
  void train(int count, const Arguments& arguments) {
    const Outcome o = train_on(count, arguments);
    ASSERT_EQ(o.status, 0) << o.err;
  }
  std::string at(const std::string& name) const { return folder_ / name; }

  TemporaryFolder folder_;
};

// 62 rows are no whole number for 4 ranks.
TEST_F(MpiTraining, TwoAndFourRanksHaveTheCurveOfOne) {
  train(1, tabular(at("1")));
  train(2, tabular(at("2")));
  train(4, tabular(at("4")));
  expect_same_curve(at("1"), at("2"), 1e-4);
  expect_same_curve(at("1"), at("4"), 1e-4);
}

TEST_F(MpiTraining, SoHaveTextsForBothKindsOfModel) {
  for (const char* model : {"gpt", "lstm"}) {
    train(1, language(model, at(std::string(model) + "1")));
    train(2, language(model, at(std::string(model) + "2")));
    expect_same_curve(at(std::string(model) + "1"), at(std::string(model) + "2"), 1e-4);
  }
}

// Which kernel convolves is chosen by the batch of all ranks: F(4x4) rounds otherwise than direct
// sums.
TEST_F(MpiTraining, SynchronisedBatchNormalisationIsThatOfOneProcess) {
  const auto pictures = [&](const std::string& run, const std::string& statistics) {
    return Arguments{"train",        "image-classification",
                     "--data",       Trained::get().data(),
                     "--model",      "resnet9",
                     "--steps",      "2",
                     "--batch",      "16",
                     "--augment",    "none",
                     "--out",        run,
                     "--threads",    "1",
                     "--lr",         "0.001",
                     "--batch-norm", statistics};
  };
  train(1, pictures(at("1"), "local"));
  train(2, pictures(at("2"), "synchronised"));
  expect_same_curve(at("1"), at("2"), 1e-4, 2);
}

TEST_F(MpiTraining, AsManyRanksGiveTheSameBits) {
  train(2, tabular(at("a")));
  train(2, tabular(at("b")));
  EXPECT_EQ(content_of(at("a") + "/model.safetensors"), content_of(at("b") + "/model.safetensors"));
}

// mpirun gives SIGTERM on, and a second later SIGKILL.
TEST_F(MpiTraining, StoppedItGoesOnToTheSameBitsAndWithOtherNumbersOfRanks) {
  const Arguments often = {"--steps", "60", "--save-every", "4"};
  train(2, tabular(at("whole"), often));
  {
    Launched training(ranks(2, tabular(at("stopped"), often)));
    ASSERT_TRUE(training->wait_for(
        [&] { return std::filesystem::exists(at("stopped") + "/checkpoint.safetensors"); }));
    training->send(SIGTERM);
    EXPECT_NE(training->wait().status, 0);
  }
  std::filesystem::copy(at("stopped"), at("other"), std::filesystem::copy_options::recursive);
  const auto on = [&](int count, const char* run) {
    return train_on(count, {"train", "--resume", at(run), "--threads", "1"});
  };
  const Outcome same = on(2, "stopped");
  ASSERT_EQ(same.status, 0) << same.err;
  EXPECT_EQ(content_of(at("whole") + "/model.safetensors"),
            content_of(at("stopped") + "/model.safetensors"));
  const Outcome other = on(3, "other");
  ASSERT_EQ(other.status, 0) << other.err;
  EXPECT_TRUE(other.says("2 rank(s) and goes on with 3")) << other.err;
}

TEST_F(MpiTraining, GradientsTravelSmaller) {
  train(2, tabular(at("f32")));
  train(2, tabular(at("bf16"), {"--gradients", "bf16"}));
  train(2, tabular(at("topk"), {"--gradients", "topk"}));
  expect_same_curve(at("f32"), at("bf16"), 2e-2);
  const auto sent = [&](const std::string& run) {
    std::ifstream file(at(run) + "/metrics.jsonl");
    double most = 0;
    for (std::string line; std::getline(file, line);)
      most = std::max(most, Json::parse(line).value("sent_mb", 0.0));
    return most;
  };
  EXPECT_LT(sent("bf16"), sent("f32") * 0.6);
  EXPECT_LT(sent("topk"), sent("f32") * 0.1);
  EXPECT_LT(losses_of(at("topk")).back(), losses_of(at("topk")).front());
}

}  // namespace
}  // namespace cairn::dist_test
