// Threads: every part runs once whatever else the machine does, and teams meet.
#include "cairn/base/parallel.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <set>
#include <thread>
#include <vector>

namespace cairn {
namespace {

class ManyThreads : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { set_num_threads(GetParam()); }
  void TearDown() override { set_num_threads(before_); }
  int before_ = num_threads();
};

TEST_P(ManyThreads, EveryPartRunsOnce) {
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::atomic<int>> seen(GetParam());
    parallel_region([&](int part, int parts) {
      EXPECT_EQ(parts, GetParam());
      ++seen[part];
    });
    for (auto& s : seen) ASSERT_EQ(s, 1);
  }
}

TEST_P(ManyThreads, PartsThatNobodyTakesAreDoneByTheCaller) {
  // All threads of the pool but the caller are held up; further parts are still done.
  std::atomic<int> done{0};
  parallel_region([&](int part, int) {
    if (part > 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ++done;
  });
  EXPECT_EQ(done, GetParam());
}

TEST_P(ManyThreads, TeamsMeet) {
  constexpr int kRounds = 300;
  Barrier barrier(GetParam());
  std::atomic<int> count{0};
  std::atomic<bool> good{true};
  parallel_team([&](int thread, int threads) {
    if (threads != GetParam()) return void(good = false);
    for (int round = 0; round < kRounds; ++round) {
      ++count;
      barrier.wait();
      if (count != (round + 1) * threads) good = false;
      barrier.wait();
      // Longer than anyone looks at memory: the others sleep and are woken.
      if (round % 100 == thread) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  EXPECT_TRUE(good);
}

TEST_P(ManyThreads, WorkInsideWorkStaysOnItsThread) {
  std::atomic<int> wrong{0};
  parallel_region([&](int, int) {
    const auto here = std::this_thread::get_id();
    if (num_threads() != 1) ++wrong;
    parallel_for(100, 1, [&](int64_t begin, int64_t end) {
      if (std::this_thread::get_id() != here || begin != 0 || end != 100) ++wrong;
    });
  });
  EXPECT_EQ(wrong, 0);
}

// Who finds the pool taken works alone: nobody waits for another's work, and nothing is lost.
TEST_P(ManyThreads, SeveralCallersAtOnce) {
  std::atomic<int64_t> total{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round)
        parallel_for(64, 1, [&](int64_t begin, int64_t end) { total += end - begin; });
    });
  for (auto& c : callers) c.join();
  EXPECT_EQ(total, 4 * 500 * 64);
}

// A forked child has none of its parent's threads.
TEST_P(ManyThreads, WorksInAForkedChild) {
  parallel_region([](int, int) {});
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::atomic<int> ran{0};
    parallel_team([&](int, int) { ++ran; });
    _exit(ran == GetParam() ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

INSTANTIATE_TEST_SUITE_P(Threads, ManyThreads, testing::Values(1, 2, 3, 8));

TEST(Parallel, CoversEveryIndexOnce) {
  for (int64_t count : {0, 1, 7, 1000}) {
    std::vector<std::atomic<int>> seen(count);
    parallel_for(count, 3, [&](int64_t b, int64_t e) {
      for (; b < e; ++b) seen[b]++;
    });
    for (auto& s : seen) EXPECT_EQ(s, 1);
  }
}

TEST(Parallel, SerialScopeStaysOnOneThread) {
  SerialScope serial;
  EXPECT_EQ(num_threads(), 1);
}

TEST(Parallel, ThreadsAreChosenByWork) {
  const int before = num_threads();
  set_num_threads(8);
  EXPECT_EQ(threads_for(0, 100), 1);
  EXPECT_EQ(threads_for(199, 100), 1);
  EXPECT_EQ(threads_for(200, 100), 2);
  EXPECT_EQ(threads_for(100'000, 100), 8);
  set_num_threads(before);
}

}  // namespace
}  // namespace cairn
