// How the threads of one run share items of work that neighbour each other in memory.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>

namespace cairn::cpu {

// Items dealt to the threads in neighbouring runs, so that a thread finds in its caches what it
// wrote there in the layer before; who is done takes what is left of others'.
class Shares {
 public:
  // The next of `count` items for `thread`; -1: there are none.
  int64_t take(int thread, int threads, int64_t count) {
    const int runs = std::min(threads, kMostRuns);
    for (int i = 0; i < runs; ++i) {
      const int run = (thread + i) % runs;
      const int64_t item = count * run / runs + taken_[run].count.fetch_add(1);
      if (item < count * (run + 1) / runs) return item;
    }
    return -1;
  }

 private:
  static constexpr int kMostRuns = 64;
  struct alignas(64) Taken {
    std::atomic<int64_t> count{0};
  };
  Taken taken_[kMostRuns];
};

}  // namespace cairn::cpu
