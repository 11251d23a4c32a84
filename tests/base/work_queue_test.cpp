#include "cairn/base/work_queue.h"

#include <gtest/gtest.h>

#include <vector>

#include "cairn/base/parallel.h"

namespace cairn {
namespace {

// Every item is handed out once, in pieces of whole units but the last.
void check_queue(int64_t count, int64_t pieces, int64_t unit) {
  SCOPED_TRACE(testing::Message() << count << " items, " << pieces << " pieces, unit " << unit);
  WorkQueue queue(count, pieces, unit);
  int64_t next = 0, given = 0;
  while (const WorkQueue::Piece piece = queue.take()) {
    EXPECT_EQ(piece.begin, next);
    EXPECT_EQ(piece.begin % unit, 0);
    EXPECT_LE(piece.end, count);
    next = piece.end, ++given;
  }
  EXPECT_EQ(next, count);
  EXPECT_LE(given, std::max<int64_t>(1, pieces));
  EXPECT_FALSE(queue.take());
}

TEST(WorkQueue, HandsOutAll) {
  for (int64_t count : {0, 1, 5, 12, 13, 1000})
    for (int64_t pieces : {0, 1, 2, 7, 2000})
      for (int64_t unit : {1, 6, 12}) check_queue(count, pieces, unit);
}

TEST(WorkQueue, ThreadsShareIt) {
  constexpr int64_t kCount = 10007;
  WorkQueue queue(kCount, 500, 3);
  std::vector<int> taken(kCount);
  parallel_region([&](int, int) {
    while (const WorkQueue::Piece piece = queue.take())
      for (int64_t i = piece.begin; i < piece.end; ++i) ++taken[i];
  });
  EXPECT_EQ(taken, std::vector<int>(kCount, 1));
}

}  // namespace
}  // namespace cairn
