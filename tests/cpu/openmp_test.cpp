// What enters a parallel region through OpenMP runs on Cairn's pool inside a LibraryOnPool, on
// libgomp's team elsewhere.
#include "cairn/backend/cpu/onednn/openmp.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <atomic>

#include "cairn/base/parallel.h"

extern "C" void GOMP_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags);
extern "C" void GOMP_barrier();

namespace cairn::cpu::onednn {
namespace {

struct Seen {
  std::atomic<int> sum{0}, count{0}, threads{0}, serial{0};
};

// What `#pragma omp parallel num_threads(3)` is in a library that GCC compiled, as oneDNN is.
void enter(Seen& seen) {
  const auto body = [](void* data) {
    Seen& seen = *static_cast<Seen*>(data);
    seen.sum += omp_get_thread_num();
    seen.threads = omp_get_num_threads();
    seen.serial += num_threads() == 1;  // the pool's parts are inside a SerialScope
    GOMP_barrier();
    ++seen.count;
  };
  GOMP_parallel(body, &seen, 3, 0);
}

TEST(OpenMp, LibraryRunsOnThePool) {
  EXPECT_TRUE(regions_run_on_pool());
  const int before = num_threads();
  set_num_threads(3);
  for (int round = 0; round < 100; ++round) {
    Seen seen;
    const LibraryOnPool scope;
    enter(seen);
    ASSERT_EQ(seen.count, 3);
    ASSERT_EQ(seen.sum, 0 + 1 + 2);
    ASSERT_EQ(seen.threads, 3);
    ASSERT_EQ(seen.serial, 3);
    ASSERT_FALSE(omp_in_parallel());
  }
  set_num_threads(before);
}

TEST(OpenMp, ElsewhereIsLibgomps) {
  const int before = num_threads();
  set_num_threads(2);
  Seen seen;
  enter(seen);
  EXPECT_EQ(seen.count, 3);
  EXPECT_EQ(seen.sum, 0 + 1 + 2);
  EXPECT_EQ(seen.threads, 3);
  EXPECT_EQ(seen.serial, 0);
  set_num_threads(before);
}

}  // namespace
}  // namespace cairn::cpu::onednn
