// Reductions over axes (negative count from the end; none given: all).
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

Tensor sum(In x, const Ints& axes = {}, bool keepdim = false);
Tensor mean(In x, const Ints& axes = {}, bool keepdim = false);
// Variance around the mean; `correction` is subtracted from the count (1: unbiased).
Tensor var(In x, const Ints& axes = {}, double correction = 1, bool keepdim = false);
Tensor stddev(In x, const Ints& axes = {}, double correction = 1, bool keepdim = false);
Tensor amax(In x, const Ints& axes = {}, bool keepdim = false);  // ties share the gradient
Tensor amin(In x, const Ints& axes = {}, bool keepdim = false);
Tensor prod(In x, const Ints& axes = {}, bool keepdim = false);
Tensor any(In x, const Ints& axes = {}, bool keepdim = false);
Tensor all(In x, const Ints& axes = {}, bool keepdim = false);
Tensor logsumexp(In x, const Ints& axes, bool keepdim = false);
Tensor norm(In x, const Ints& axes = {}, bool keepdim = false);  // Euclidean; gradient 0 at 0
Tensor argmax(In x, int64_t axis, bool keepdim = false);         // i64, the first of equals
Tensor argmin(In x, int64_t axis, bool keepdim = false);
Tensor cumsum(In x, int64_t axis);
Tensor cumprod(In x, int64_t axis);
Tensor logcumsumexp(In x, int64_t axis);  // the logarithm of the running sum of e^x

// Sums the dimensions over which `shape` was broadcast to x's shape.
Tensor sum_to(In x, const Shape& shape);

}  // namespace cairn
