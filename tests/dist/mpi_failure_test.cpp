// What goes wrong with one rank ends all of them, with its name and without harm to the checkpoint.
#include "tests/dist/ranks.h"

namespace cairn::dist_test {
namespace {

using Clock = std::chrono::steady_clock;

class MpiFailure : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef CAIRN_MPI
    GTEST_SKIP() << "built without MPI";
#endif
  }
  std::string run() const { return folder_ / "run"; }
  Arguments training(const Arguments& other = {}) const {
    return changed({CAIRN_PROGRAM, "train", "tabular", "--steps", "30", "--batch", "32", "--out",
                    run(), "--threads", "1"},
                   other);
  }
  // One rank each, as its words say.
  static Outcome each(const std::vector<Arguments>& all) {
    Arguments words;
    for (const Arguments& one : all) {
      if (!words.empty()) words.push_back(":");
      words = words + Arguments{"-n", "1"} + one;
    }
    return Launched(words)->wait();
  }
  TemporaryFolder folder_;
};

TEST_F(MpiFailure, ARankThatIsKilledEndsTheOthersAndLeavesAGoodCheckpoint) {
  const Arguments all = Arguments{"-n", "3"} + training({"--steps", "100000", "--save-every", "5"});
  Clock::time_point killed;
  {
    Launched training(all);
    ASSERT_TRUE(training->wait_for([&] {
      return std::filesystem::exists(run() + "/checkpoint.safetensors") && process_of(1, run()) > 0;
    }));
    kill(process_of(1, run()), SIGKILL);
    killed = Clock::now();
    const Outcome o = training->wait();
    EXPECT_LT(std::chrono::duration<double>(Clock::now() - killed).count(), 10);
    EXPECT_NE(o.status, 0);
    EXPECT_TRUE(o.says("rank 1")) << o.err;
    EXPECT_EQ(process_of(0, run()) + process_of(2, run()), 0);
  }
  const Outcome good = cairn({"info", run() + "/checkpoint.safetensors"});
  EXPECT_EQ(good.status, 0) << good.err;
}

TEST_F(MpiFailure, ARankThatCannotReadTheDataEndsAll) {
  const Outcome o = each({training(), training({"--data", folder_ / "missing.csv"})});
  EXPECT_NE(o.status, 0);
  EXPECT_TRUE(o.says("rank 1")) << o.err;
  EXPECT_TRUE(o.says("missing.csv")) << o.err;
  EXPECT_FALSE(std::filesystem::exists(run() + "/config.json"));
}

TEST_F(MpiFailure, OtherOptionsAreNamed) {
  const Outcome o = each({training(), training({"--lr", "0.5"})});
  EXPECT_NE(o.status, 0);
  EXPECT_TRUE(o.says("rank 1") && o.says("lr is 0.5 here")) << o.err;
}

TEST_F(MpiFailure, ARunOfAnotherTaskIsNamed) {
  ASSERT_EQ(cairn({"train", "tabular", "--steps", "5", "--out", run(), "--threads", "1"}).status,
            0);
  const auto on = [&](const char* task) {
    return Arguments{CAIRN_PROGRAM, "train", task, "--resume", "--out", run(), "--threads", "1"};
  };
  const Outcome o = each({on("tabular"), on("forecast")});
  EXPECT_NE(o.status, 0);
  EXPECT_TRUE(o.says("'" + run() + "', a run of task 'tabular', and this rank trains 'forecast'"))
      << o.err;
}

TEST_F(MpiFailure, AnotherBuildAndOtherThreadsAreSaid) {
  const std::string other = folder_ / "cairn";
  write(other, content_of(CAIRN_PROGRAM) + "another");
  std::filesystem::permissions(other, std::filesystem::perms::owner_all);
  Arguments second = training({"--threads", "2"});
  second[0] = other;
  const Outcome o = each({training(), second});
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_TRUE(o.says("has the build")) << o.err;
  EXPECT_TRUE(o.says("2 thread(s), rank 0 1 thread(s)")) << o.err;
}

// What the kernel says of the processor is another file for the second rank.
TEST_F(MpiFailure, AnotherProcessorIsSaid) {
  if (std::system("unshare -m true 2> /dev/null") != 0) GTEST_SKIP() << "no namespaces here";
  write(folder_ / "cpuinfo", "model name\t: Abacus 3000\n");
  const Arguments elsewhere = {
      "unshare",
      "-m",
      "sh",
      "-c",
      "mount --bind " + (folder_ / "cpuinfo") + " /proc/cpuinfo && exec \"$@\"",
      "sh"};
  const Outcome o = each({training(), elsewhere + training()});
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_TRUE(o.says("has the processor Abacus 3000, rank 0 ")) << o.err;
}

TEST_F(MpiFailure, MoreRanksThanSamplesAreRefused) {
  const Outcome o = Launched(Arguments{"-n", "3"} + training({"--batch", "2"}))->wait();
  EXPECT_NE(o.status, 0);
  EXPECT_TRUE(o.says("3 ranks are more than the 2 samples of a step")) << o.err;
}

TEST_F(MpiFailure, ARankWithoutMemoryEndsAll) {
#ifdef CAIRN_SANITIZED
  GTEST_SKIP() << "a sanitizer itself needs more than the limit";
#endif
  const Arguments big = training() + Arguments{"--hidden", "6000", "6000"};
  const Outcome o = each({big, Arguments{"prlimit", "--as=700000000"} + big});
  EXPECT_NE(o.status, 0);
  EXPECT_TRUE(o.says("rank 1") && o.says("memory")) << o.err;
}

TEST_F(MpiFailure, ALossThatIsNoNumberStopsAll) {
  const Outcome o = Launched(Arguments{"-n", "2"} + training({"--lr", "1e30"}))->wait();
  EXPECT_NE(o.status, 0);
  EXPECT_TRUE(o.says("lower learning rate")) << o.err;
}

// What a program that speaks no MPI says where it is one of several.
TEST(WithoutMpi, SeveralRanksAreRefused) {
#ifdef CAIRN_MPI
  GTEST_SKIP() << "built with MPI";
#endif
  const Outcome o =
      cairn({"train", "tabular"}, {.in_child = [] { setenv("OMPI_COMM_WORLD_SIZE", "2", 1); }});
  expect_failure(o, 1, {"2 ranks", "CAIRN_MPI"});
}

}  // namespace
}  // namespace cairn::dist_test
