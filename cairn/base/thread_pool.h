// The threads behind parallel_for, parallel_region and parallel_team: started when first needed,
// asleep when there is nothing to do. Whoever waits looks at memory for a short while and then
// sleeps in the kernel, so that on a busy machine a waiting thread takes no time from those that
// work.
#pragma once
#include <atomic>
#include <cstdint>

#include "cairn/base/function_ref.h"

namespace cairn {

class Waiter {
 public:
  // Returns once `word` is no longer `value`. Whoever changes it, sequentially consistent, calls
  // wake(word) afterwards.
  void wait_while(const std::atomic<uint32_t>& word, uint32_t value);
  void wake(
      std::atomic<uint32_t>& word);  // all that wait, at the cost of a load where nobody sleeps

 private:
  std::atomic<uint32_t> sleepers_{0};
};

// Runs body(0) .. body(count - 1), each once. `together`: each on a thread of its own, at the same
// time; otherwise what no other thread has begun when the caller is done with its own is done by
// the caller too: a thread that sleeps, or that another process holds up, delays nobody. False, and
// nothing is run, when another thread has the pool: the caller works alone.
bool run_on_pool(int count, bool together, FunctionRef<void(int)> body);

}  // namespace cairn
