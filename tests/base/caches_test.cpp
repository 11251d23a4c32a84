#include "cairn/base/caches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace cairn {
namespace {

// Two processors of a machine whose last cache is 300 MB are told of all of it, and got blocks and
// estimates for one that they do not have.
TEST(Caches, TheLastIsAShareOfThoseThatUseIt) {
  const Caches& found = caches();
  const int64_t processors = std::max(1u, std::thread::hardware_concurrency());
  EXPECT_LE(found.l3, processors * (16 << 20));
  EXPECT_GT(found.l1, 0);
  EXPECT_LE(found.l1, found.l2);
}

}  // namespace
}  // namespace cairn
