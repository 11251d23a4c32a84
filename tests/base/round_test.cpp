#include "cairn/base/round.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

static_assert(ceil_div(9, 4) == 3 && ceil_div(8, 4) == 2 && ceil_div(0, 4) == 0);
static_assert(round_up(9, 4) == 12 && round_up(8, 4) == 8 && round_up(0, 4) == 0);
static_assert(round_up_bytes(65, 64) == 128 && round_up_bytes(64, 64) == 64);

TEST(Round, HoldsAllAndNoMoreThanThat) {
  for (int64_t count = 0; count < 40; ++count)
    for (int64_t size = 1; size < 10; ++size) {
      const int64_t parts = ceil_div(count, size);
      EXPECT_GE(parts * size, count);
      EXPECT_LT((parts - 1) * size, count);
      EXPECT_EQ(round_up(count, size), parts * size);
      EXPECT_EQ(round_up_bytes(static_cast<size_t>(count), static_cast<size_t>(size)),
                static_cast<size_t>(parts * size));
    }
}

}  // namespace
}  // namespace cairn
