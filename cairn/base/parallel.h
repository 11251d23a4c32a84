// The one door through which work reaches several threads (OpenMP, the runtime that oneDNN links).
// Chunks are a function of the problem and the number of threads only, so results are repeatable.
#pragma once
#include <cstdint>

#include "cairn/base/function_ref.h"

namespace cairn {

// Threads that the calling thread's kernels use: 1 inside a SerialScope, else what was set
// (default: the processors this process may run on).
int num_threads();
void set_num_threads(int count);

// Calls body(begin, end) over [0, count) in contiguous chunks of at least `grain` items, at most one
// chunk a thread. Runs inline when one chunk is enough. `body` must not throw.
void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body);

// One parallel region: body(thread, threads) once on each of `threads` threads (default num_threads()).
// `threads` is what was really started. Use barrier() inside to meet.
void parallel_region(FunctionRef<void(int thread, int threads)> body, int threads = 0);

// A reusable barrier for the threads of one parallel_region: spins briefly, then yields.
class Barrier {
 public:
  explicit Barrier(int threads) : threads_(threads) {}
  void wait();

 private:
  int threads_;
  alignas(64) int arrived_ = 0;
  alignas(64) int phase_ = 0;
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
