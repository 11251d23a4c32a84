#include "cairn/train/trainer.h"

#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <optional>

#include "cairn/device/pool.h"
#include "cairn/io/jsonl.h"
#include "cairn/ops/functions.h"
#include "cairn/train/signals.h"
#include "tests/io/temporary_folder.h"

namespace cairn::train {
namespace {

// A training that counts its steps, evaluated after every second one.
class Counting {
 public:
  explicit Counting(const std::string& path) : path_(path) {}

  void go_on(int64_t fails_at = -1) {
    const bool is_new = !RunFolder::holds_run(path_);
    assign(counter_, zeros({1}, DType::f64));
    Trainer trainer(
        is_new ? RunFolder::create(path_, {{"task", "t"}}) : RunFolder::open(path_, "t"),
        {.task = "t", .label = "t", .total = 6, .evaluate_every = 2, .quiet = true},
        {part("counter", NamedTensors{{"c", counter_}})});
    if (!is_new) trainer.restore();
    trainer.run({.step =
                     [&] {
                       if (during_step) during_step();
                       assign(counter_, counter_ + 1.0);
                       return Scalars{{"loss", counter_.item()}};
                     },
                 .evaluate =
                     [&] {
                       if (trainer.step() == fails_at && diverges) throw Diverged("diverged");
                       if (trainer.step() == fails_at) fail("power cut");
                       evaluated.push_back(trainer.step());
                       return Evaluation{{{"test/loss", counter_.item()}}, ""};
                     },
                 .save_weights =
                     [&] {
                       trainer.write_weights({{"c", counter_}});
                     }});
  }
  // step -> how often the log has the key.
  std::map<int64_t, int> logged(const char* key) const {
    std::map<int64_t, int> steps;
    for (const Json& line : io::read_jsonl(path_ + "/metrics.jsonl"))
      if (line.contains(key)) ++steps[line["step"].get<int64_t>()];
    return steps;
  }
  double counted() const { return counter_.item(); }

  std::vector<int64_t> evaluated;
  std::function<void()> during_step;
  bool diverges = false;  // where it fails

 private:
  std::string path_;
  Tensor counter_ = state(zeros({1}, DType::f64));
};

// What an evaluation fails at costs no step, and is made up for when the run goes on.
TEST(Trainer, TheCheckpointComesBeforeTheEvaluation) {
  const TemporaryFolder folder;
  const std::map<int64_t, int> once = {{2, 1}, {4, 1}, {6, 1}};
  for (int64_t fails_at : {2, 4, 6}) {
    Counting run(folder / std::to_string(fails_at));
    EXPECT_ERROR(run.go_on(fails_at), "power cut");
    run.evaluated.clear();
    run.go_on();
    EXPECT_EQ(run.evaluated.front(), fails_at);
    EXPECT_EQ(run.counted(), 6);
    EXPECT_EQ(run.logged("loss"), once);
    EXPECT_EQ(run.logged("test_loss"), once);
    run.evaluated.clear();
    run.go_on();  // a finished run has nothing to make up for
    EXPECT_TRUE(run.evaluated.empty());
  }
}

// A checkpoint can be gone on from, whatever was removed while it trained.
// The log keeps it until the run goes on from there.
TEST(Trainer, AnEvaluationThatDivergedStandsInTheLog) {
  const TemporaryFolder folder;
  Counting run(folder / "run");
  run.diverges = true;
  EXPECT_ERROR(run.go_on(4), "diverged");
  EXPECT_EQ(run.logged("diverged"), (std::map<int64_t, int>{{4, 1}}));
  EXPECT_EQ(run.logged("loss"), (std::map<int64_t, int>{{2, 1}, {4, 1}}));
  run.go_on();
  EXPECT_TRUE(run.logged("diverged").empty());
  EXPECT_EQ(run.logged("test_loss"), (std::map<int64_t, int>{{2, 1}, {4, 1}, {6, 1}}));
}

TEST(Trainer, AConfigurationThatWasRemovedIsWrittenWithTheNextCheckpoint) {
  const TemporaryFolder folder;
  Counting run(folder / "run");
  run.during_step = [&] { std::filesystem::remove(folder / "run/config.json"); };
  EXPECT_ERROR(run.go_on(4), "power cut");
  EXPECT_TRUE(RunFolder::holds_run(folder / "run"));
  run.during_step = [&] { std::filesystem::remove_all(folder / "run"); };
  EXPECT_ERROR(run.go_on(), "there is no folder '" + (folder / "run"));
}

// No learning rate makes room.
TEST(Trainer, WhereMemoryIsOutASmallerBatchIsAdvised) {
  const TemporaryFolder folder;
  Counting run(folder / "run");
  run.during_step = [] { pool_deallocate(pool_allocate(size_t{1} << 47), size_t{1} << 47); };
  try {
    run.go_on();
    FAIL() << "nothing was thrown";
  } catch (const OutOfMemory& e) {
    const std::string said = e.what();
    EXPECT_NE(said.find("step 1: out of memory"), said.npos) << said;
    EXPECT_EQ(said.find("learning rate"), said.npos) << said;
  }
}

TEST(Trainer, LostWeightsOfAFinishedRunAreWrittenAnew) {
  const TemporaryFolder folder;
  Counting run(folder / "run");
  run.go_on();
  const std::string weights = folder / "run/model.safetensors";
  std::filesystem::resize_file(weights, 10);
  run.go_on();
  EXPECT_EQ(load_tensors(weights).tensors[0].second.item(), 6);
  std::filesystem::remove(weights);
  run.go_on();
  EXPECT_EQ(load_tensors(weights).tensors[0].second.item(), 6);
}

TEST(Trainer, WithoutItsCheckpointTheOneBeforeIsUsedAndWeightsAloneAreNone) {
  const TemporaryFolder folder;
  Counting run(folder / "run");
  run.go_on();
  const std::string checkpoint = folder / "run/checkpoint.safetensors";
  std::filesystem::remove(checkpoint);
  run.evaluated.clear();
  run.go_on();
  EXPECT_EQ(run.evaluated.back(), 6) << "from the one before";
  for (const std::string& path : {checkpoint, checkpoint + ".previous"})
    std::filesystem::remove(path);
  EXPECT_ERROR(run.go_on(), "has weights but no checkpoint to go on from");
}

// Nor is a batch too small for statistics learned from more slowly.
TEST(Trainer, ALowerLearningRateIsAdvisedWhereSomethingIsNoNumber) {
  const TemporaryFolder folder;
  Counting run(folder / "run");
  run.during_step = [] { fail("batch_norm: needs more than one value"); };
  try {
    run.go_on();
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    const std::string said = e.what();
    EXPECT_NE(said.find("step 1: batch_norm"), said.npos) << said;
    EXPECT_EQ(said.find("learning rate"), said.npos) << said;
  }
  run.during_step = [] { fail("xent: a value is not finite"); };
  EXPECT_ERROR(run.go_on(), "try a lower learning rate");
}

// The scope around several trainings keeps what came in the one before.
TEST(Signals, AnInnerScopeForgetsNothing) {
  {
    const SignalScope outer;
    {
      const SignalScope inner;
      std::raise(SIGTERM);
    }
    EXPECT_EQ(SignalScope::caught(), SIGTERM);
    const SignalScope next;
    EXPECT_EQ(SignalScope::caught(), SIGTERM);
  }
  const SignalScope later;
  EXPECT_EQ(SignalScope::caught(), 0);
}

}  // namespace
}  // namespace cairn::train
