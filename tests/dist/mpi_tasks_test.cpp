// Every task's smallest training over two real processes: a new task is tested by existing.
#include "cairn/tasks/task.h"
#include "tests/dist/ranks.h"

namespace cairn::dist_test {
namespace {

class MpiTask : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
#ifndef CAIRN_MPI
    GTEST_SKIP() << "built without MPI";
#endif
    write(at("smallest.json"), tasks::task_named(GetParam()).smallest);
    std::filesystem::create_directory(at("tmp"));
    setenv("TMPDIR", at("tmp").c_str(), 1);
  }
  void TearDown() override { unsetenv("TMPDIR"); }
  std::string at(const std::string& name) const { return folder_ / name; }
  Arguments training(const std::string& out) const {
    return {"-n",    "1",     CAIRN_PROGRAM, "train", GetParam(), "--config", at("smallest.json"),
            "--out", at(out), "--threads",   "1",     "--json"};
  }
  // What those want that compare drawn pictures by a classifier's features: one that is soon there.
  // How eval measures what the training did.
  Arguments judge() const {
    if (GetParam() == "speech-recognition") return {"--beams", "1"};
    if (!tasks::find_verb(tasks::task_named(GetParam()), "eval")->options()->find("features"))
      return {};
    const Outcome o = cairn({"train", "image-classification", "--steps", "2", "--batch", "32",
                             "--out", at("judge"), "--threads", "1"});
    EXPECT_EQ(o.status, 0) << o.err;
    return {"--features", at("judge"), "--count", "64"};
  }

  TemporaryFolder folder_;
};

// Numbers of quality that both have.
void expect_same_quality(const Json& trained, const Json& evaluated) {
  for (const tasks::Quality& q : tasks::task_named(trained["task"]).qualities) {
    if (!trained.contains(q.name) || !evaluated.contains(q.name)) continue;
    const double a = trained[q.name], b = evaluated[q.name];
    EXPECT_NEAR(a, b, 1e-5 * std::max(1.0, std::abs(b))) << q.name;
  }
}

TEST_P(MpiTask, TrainsToItsEndOnTwoRanksOfWhichOneWrites) {
  const Outcome o = Launched(training("run") + Arguments{":"} + training("other"))->wait();
  ASSERT_EQ(o.status, 0) << o.err;
  const Json trained = o.json();
  EXPECT_EQ(trained["task"], GetParam());
  EXPECT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 1) << o.out;  // of rank 0 alone
  for (const char* file : {"config.json", "metrics.jsonl", "checkpoint.safetensors"})
    EXPECT_TRUE(std::filesystem::exists(at("run") + "/" + file)) << file;
  EXPECT_FALSE(std::filesystem::exists(at("other")));
  for (const auto& left : std::filesystem::directory_iterator(at("tmp")))
    EXPECT_FALSE(left.path().filename().string().starts_with("cairn-rank")) << left.path();

  const Outcome eval = cairn(Arguments{"eval", at("run"), "--json", "--threads", "1"} + judge());
  ASSERT_EQ(eval.status, 0) << eval.err;
  const Json evaluated = eval.json();
  EXPECT_EQ(evaluated["task"], GetParam());
  if (evaluated["split"] == trained["split"] && evaluated["examples"] == trained["examples"])
    expect_same_quality(trained, evaluated);
}

std::string as_identifier(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Every, MpiTask, ::testing::ValuesIn(tasks::task_names()), as_identifier);

}  // namespace
}  // namespace cairn::dist_test
