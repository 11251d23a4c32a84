// What the threads of one run share that take items of work from counters and meet at a barrier.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>

#include "cairn/base/parallel.h"

namespace cairn::cpu {

struct Team {
  explicit Team(int threads) : barrier(threads) {}
  Barrier barrier;
  std::atomic<int64_t> next[2] = {0, 0};  // counters from which the threads take items of work
};

// Calls run(team, thread, threads) on each of at most `most` threads. The barrier needs to know how
// many there are: should fewer start than were asked for, one of them does everything.
template <class Run>
void run_as_team(int most, const Run& run) {
  const int threads = std::min(most, num_threads());
  Team team(threads), single(1);
  parallel_team(
      [&](int thread, int started) {
        if (started == threads) run(team, thread, threads);
        else if (thread == 0) run(single, 0, 1);
      },
      threads);
}

}  // namespace cairn::cpu
