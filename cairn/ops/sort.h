// Order along an axis. Sorting is stable; NaN counts as larger than every number. Values carry
// gradients.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

// The i64 places, along `axis`, of the elements in ascending (or descending) order.
Tensor argsort(In x, int64_t axis = -1, bool descending = false);

struct Sorted {
  Tensor values, indices;
};
Sorted sort(In x, int64_t axis = -1, bool descending = false);
Sorted topk(In x, int64_t k, int64_t axis = -1, bool largest = true);  // in order, best first
Sorted median(In x, int64_t axis = -1, bool keepdim = false);  // the lower of two middle ones

}  // namespace cairn
