#include "cairn/text/windows.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "tests/io/temporary_folder.h"

namespace cairn::text {
namespace {

TEST(Windows, RandomWindowsAreAFunctionOfSeedAndStep) {
  std::vector<int64_t> tokens(50);
  std::iota(tokens.begin(), tokens.end(), 0);
  std::set<int64_t> starts;
  for (int64_t step = 0; step < 100; ++step) {
    const Windows windows = random_windows(tokens, 4, 8, 1, step);
    EXPECT_EQ(windows.inputs, random_windows(tokens, 4, 8, 1, step).inputs);
    ASSERT_EQ(windows.inputs.size(), 32u);
    for (size_t i = 0; i < 32; ++i) EXPECT_EQ(windows.targets[i], windows.inputs[i] + 1);
    for (size_t i = 0; i < 32; i += 8) starts.insert(windows.inputs[i]);
  }
  EXPECT_EQ(starts.size(), 42u);  // every place, the last included: 0 .. 41
  EXPECT_EQ(*starts.rbegin(), 41);
  EXPECT_NE(random_windows(tokens, 4, 8, 1, 0).inputs, random_windows(tokens, 4, 8, 2, 0).inputs);
  EXPECT_ERROR(random_windows(std::span(tokens).first(8), 1, 8, 1, 0),
               "has 8 tokens, one window of 8 and its target need 9");
  EXPECT_ERROR(random_windows(tokens, 0, 8, 1, 0), "a batch of 0");
}

TEST(Windows, StreamsGoOnWhereTheyStopped) {
  std::vector<int64_t> tokens(23);
  std::iota(tokens.begin(), tokens.end(), 0);
  const TextStreams streams(tokens, 2, 5);  // two streams of 11
  EXPECT_EQ(streams.windows(), 2);
  EXPECT_EQ(streams.window(0).inputs, (std::vector<int64_t>{0, 1, 2, 3, 4, 11, 12, 13, 14, 15}));
  EXPECT_EQ(streams.window(1).inputs, (std::vector<int64_t>{5, 6, 7, 8, 9, 16, 17, 18, 19, 20}));
  EXPECT_EQ(streams.window(1).targets.back(), 21);
  EXPECT_EQ(streams.window(2).inputs, streams.window(0).inputs);
  EXPECT_TRUE(streams.starts_pass(2));
  EXPECT_FALSE(streams.starts_pass(1));
  EXPECT_ERROR(TextStreams(tokens, 10, 5), "use a smaller batch");
}

}  // namespace
}  // namespace cairn::text
