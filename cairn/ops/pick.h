// Functions that choose, place and count by index, written with the ops of the table.
#pragma once
#include <vector>

#include "cairn/ops/op.h"

namespace cairn {

Tensor repeat_interleave(In x, int64_t times, int64_t axis);  // each element `times` times over

// x with values put at indices of its first dimensions (one index tensor each, which broadcast
// together): values of the indices' shape, then of x's other dimensions, or broadcasting to that.
// accumulate adds; otherwise each place should come once. Negative indices count from the end.
Tensor index_put(In x, const std::vector<Tensor>& indices, const Tensor& values,
                 bool accumulate = false);
Tensor index_fill(In x, int64_t axis, const Tensor& index, double value);  // index [k]
Tensor index_copy(In x, int64_t axis, const Tensor& index,
                  const Tensor& src);  // slices of src, index [k]
enum class ScatterReduce { sum, mean, prod, amax, amin };
// As scatter_add, or another measure of what meets at a place; with x's own elements, or without.
Tensor scatter_reduce(In x, int64_t axis, const Tensor& index, const Tensor& src,
                      ScatterReduce reduce, bool include_self = true);

// Where each value fits into a sequence that is sorted along the last axis: the number of elements
// below it (right: or equal to it), i64. sequence [n], or of the values' leading dimensions [...,
// n].
Tensor searchsorted(In sequence, const Tensor& values, bool right = false);
Tensor bucketize(In values, const Tensor& boundaries, bool right = false);
// How often each of 0 ... classes - 1 occurs in x (integers), i64 [classes]; or the weights of
// where it does.
Tensor bincount(In x, int64_t classes, const Tensor& weights = {});

// These read values on the host, so their shapes depend on them: not inside a compiled step.
Tensor nonzero(In x);  // the places that are not 0 (false): i64 [count, rank]
Tensor masked_select(In x,
                     const Tensor& mask);  // x where the mask (broadcast to it) is true: [count]
Tensor unique(In x);                       // the different values, rising: [count]
struct Unique {
  Tensor values, inverse,
      counts;  // inverse: where each of x is among the values, of x's shape, i64
};
Unique unique_with_counts(In x);

}  // namespace cairn
