// Whole items of work, several at once, each on one thread: where items are many and independent,
// no thread ever waits for another in the middle of one, and what of an item cannot be spread over
// threads costs nothing.
#pragma once
#include <cstdint>

#include "cairn/base/function_ref.h"

namespace cairn {

// Calls work(0) .. work(count - 1), each once, begun in that order; kernels in them use one thread.
// Fewer items than threads are done one after another, by all threads each. `work` may throw: no
// further item is begun then, and what the first of those that failed threw is thrown on.
// What a thread has set for itself (NoGrad, a back end) holds for no other: `work` sets it.
void side_by_side(int64_t count, FunctionRef<void(int64_t item)> work);

}  // namespace cairn
