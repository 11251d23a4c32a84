#include "cairn/device/pool.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace cairn {
namespace {

// Bytes of [memory, memory + bytes) that are there, in whole pages.
size_t resident(void* memory, size_t bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes + page - 1) / page);
  EXPECT_EQ(mincore(memory, bytes, pages.data()), 0);
  size_t count = 0;
  for (unsigned char p : pages) count += p & 1;
  return count * page;
}

TEST(Pool, ABlockTakesTheMemoryThatIsTouched) {
  pool_trim();
  // Sizes that are no multiple of a huge page, and what the pool rounds them up to.
  const std::pair<size_t, size_t> sizes[] = {
      {2359296, 2621440}, {9437184, 10485760}, {5 << 20, 5 << 20}};
  for (const auto& [bytes, room] : sizes) {
    void* memory = pool_allocate(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 64, 0u);
    std::memset(memory, 1, bytes);
    EXPECT_GE(pool_bytes_in_use(), bytes);
    EXPECT_LE(resident(memory, room), bytes + 4096);
    pool_deallocate(memory, bytes);
  }
}

TEST(Pool, TrimmingGivesEveryFreeBlockBack) {
  pool_trim();
  const size_t before = pool_bytes_held();
  for (size_t bytes : {size_t{100}, size_t{70000}, size_t{3000000}, size_t{40} << 20}) {
    void* memory = pool_allocate(bytes);
    std::memset(memory, 2, bytes);
    pool_deallocate(memory, bytes);
  }
  EXPECT_GE(pool_bytes_held(), before + 43000000);
  pool_trim();
  EXPECT_LE(pool_bytes_held(), before + 4096);  // the thread keeps its small ones
}

TEST(Pool, AFreedBlockIsHandedOutAgain) {
  void* first = pool_allocate(3000000);
  pool_deallocate(first, 3000000);
  EXPECT_EQ(pool_allocate(2999000), first);
  pool_deallocate(first, 2999000);
}

}  // namespace
}  // namespace cairn
