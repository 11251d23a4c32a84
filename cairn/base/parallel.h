// The one door through which work reaches several threads: a pool of our own (thread_pool.h).
// Chunks are a function of the problem and the number of threads only, so results are repeatable.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>

#include "cairn/base/function_ref.h"
#include "cairn/base/thread_pool.h"

namespace cairn {

// Threads that the calling thread's kernels use: 1 inside a SerialScope, else what was set
// (default: available_processors()).
int num_threads();
void set_num_threads(int count);

// Processors that this process may use: those it may run on, and no more than the quota of its
// control group (cgroup v1 or v2, as containers have it) allows, rounded up.
int available_processors();

// How many of num_threads() are worth waking for `work`, where `a_thread` of it pays for one.
inline int threads_for(int64_t work, int64_t a_thread) {
  return static_cast<int>(std::clamp<int64_t>(work / a_thread, 1, num_threads()));
}

// Calls body(begin, end) over [0, count) in contiguous chunks of at least `grain` items, at most
// one chunk a thread. Runs inline when one chunk is enough. `body` must not throw.
void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body);

// Calls body(part, parts) once for each of `parts` parts (default num_threads()), on as many
// threads as are free: one may do several, one after another. So parts never wait for each other.
// `parts` is 1 where there are no threads.
void parallel_region(FunctionRef<void(int part, int parts)> body, int parts = 0);

// As parallel_region, but each part on a thread of its own, all at the same time: they may meet at
// a Barrier.
void parallel_team(FunctionRef<void(int thread, int threads)> body, int threads = 0);

// A reusable barrier for the threads of one parallel_team.
class Barrier {
 public:
  explicit Barrier(int threads) : threads_(threads) {}
  void wait();

 private:
  int threads_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> phase_{0};
  Waiter waiter_;
};

// While alive, kernels called by this thread use one thread (loader and server threads).
class SerialScope {
 public:
  SerialScope();
  ~SerialScope();
  SerialScope(const SerialScope&) = delete;
  SerialScope& operator=(const SerialScope&) = delete;
};

}  // namespace cairn
