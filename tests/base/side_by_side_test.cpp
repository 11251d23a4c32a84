// Items side by side: each done once, by one thread; an error ends it and is the caller's.
#include "cairn/base/side_by_side.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "cairn/base/parallel.h"

namespace cairn {
namespace {

class SideBySide : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { set_num_threads(GetParam()); }
  void TearDown() override { set_num_threads(before_); }
  int before_ = num_threads();
};

TEST_P(SideBySide, EachItemIsDoneOnceByOneThread) {
  for (const int64_t count : {0, 1, 2, 3, 100}) {
    std::vector<std::atomic<int>> done(static_cast<size_t>(count));
    std::atomic<int> threads_in_items{0};
    side_by_side(count, [&](int64_t i) {
      ++done[static_cast<size_t>(i)];
      threads_in_items += num_threads();
    });
    for (const auto& d : done) EXPECT_EQ(d, 1);
    EXPECT_EQ(threads_in_items, count * (count < GetParam() ? GetParam() : 1)) << count;
  }
  EXPECT_EQ(num_threads(), GetParam());
}

TEST_P(SideBySide, WhatTheFirstOfThoseThatFailThrowsReachesTheCaller) {
  std::atomic<int> begun{0};
  try {
    side_by_side(1000, [&](int64_t i) {
      ++begun;
      if (i == 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (i >= 3) throw std::runtime_error(std::to_string(i));
    });
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& e) { EXPECT_STREQ(e.what(), "3"); }
  EXPECT_LE(begun, 3 + GetParam());
}

INSTANTIATE_TEST_SUITE_P(Threads, SideBySide, testing::Values(1, 2, 4));

}  // namespace
}  // namespace cairn
