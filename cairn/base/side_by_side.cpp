#include "cairn/base/side_by_side.h"

#include <exception>
#include <mutex>

#include "cairn/base/parallel.h"
#include "cairn/base/work_queue.h"

namespace cairn {

void side_by_side(int64_t count, FunctionRef<void(int64_t)> work) {
  if (count < num_threads() || num_threads() == 1) {
    for (int64_t i = 0; i < count; ++i) work(i);
    return;
  }
  WorkQueue items(count, count);
  std::mutex mutex;
  std::exception_ptr thrown;
  int64_t first_failed = count;
  parallel_region([&](int, int) {
    while (const WorkQueue::Piece item = items.take()) try {
        {
          const std::lock_guard lock(mutex);
          if (thrown) return;
        }
        work(item.begin);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (item.begin < first_failed) first_failed = item.begin, thrown = std::current_exception();
      }
  });
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace cairn
