#include "cairn/base/side_by_side.h"

#include <algorithm>
#include <exception>
#include <mutex>

#include "cairn/base/parallel.h"

namespace cairn {

void side_by_side(int64_t count, FunctionRef<void(int64_t)> work) {
  if (count < num_threads() || num_threads() == 1) {
    for (int64_t i = 0; i < count; ++i) work(i);
    return;
  }
  std::mutex mutex;
  std::exception_ptr thrown;
  int64_t next = 0, first_failed = count;
  const auto take = [&] {  // what is taken is begun: none is left out before one that fails
    const std::lock_guard lock(mutex);
    return thrown ? count : std::min(next++, count);
  };
  parallel_region([&](int, int) {
    const SerialScope one_thread;
    for (int64_t item; (item = take()) < count;) try {
        work(item);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (item < first_failed) first_failed = item, thrown = std::current_exception();
      }
  });
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace cairn
