// Smaller functions on numbers, written with the ops of the table: they fuse and differentiate like
// any code.
#pragma once
#include <limits>

#include "cairn/ops/reduce.h"
#include "cairn/ops/sort.h"

namespace cairn {

// The largest (smallest) along an axis and its place, the first of equals; NaN wins. The gradient
// goes to that place.
Sorted max(In x, int64_t axis, bool keepdim = false);
Sorted min(In x, int64_t axis, bool keepdim = false);

// The largest (smallest) so far along an axis and its place, the last of equals; NaN stays.
Sorted cummax(In x, int64_t axis);
Sorted cummin(In x, int64_t axis);

// (sum |x|^p)^(1/p) over axes (none: all); p = infinity: the largest, -infinity: the smallest, 0:
// how many are not 0. Where it is 0 its gradient is 0.
Tensor vector_norm(In x, double p, const Ints& axes = {}, bool keepdim = false);

struct Moments {
  Tensor spread, mean;
};
Moments std_mean(In x, const Ints& axes = {}, double correction = 1, bool keepdim = false);
Moments var_mean(In x, const Ints& axes = {}, double correction = 1, bool keepdim = false);

// Limited by tensors that broadcast to x; either may be undefined. Equals share the gradient.
Tensor clamp(In x, const Tensor& low, const Tensor& high);
Tensor lerp(In a, const Tensor& b, const Tensor& weight);  // a + weight (b - a)
// Distances of order p of all rows of a [..., M, D] to all of b [..., N, D]: [..., M, N].
Tensor cdist(In a, const Tensor& b, double p);

Tensor nan_to_num(In x, double nan = 0, double posinf = std::numeric_limits<float>::max(),
                  double neginf = std::numeric_limits<float>::lowest());
Tensor nansum(In x, const Ints& axes = {}, bool keepdim = false);   // NaN counts as 0
Tensor nanmean(In x, const Ints& axes = {}, bool keepdim = false);  // of what is not NaN

// |a - b| <= atol + rtol |b|, or equal infinities; NaN equals nothing, or NaN where equal_nan.
// bool, broadcast.
Tensor isclose(In a, In b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);
// On the host: of one shape and dtype, and close (the same values).
bool allclose(In a, In b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);
bool equal(In a, In b);

Tensor xlogy(In x, In y);     // x log(y), 0 where x is 0 and y no NaN
Tensor hypot(In a, In b);     // sqrt(a^2 + b^2); gradient 0 at (0, 0)
Tensor copysign(In a, In b);  // |a| with the sign of b, also of -0; integers compute in f32
Tensor sinc(In x);            // sin(pi x) / (pi x), 1 at 0

Tensor diff(In x, int64_t n = 1, int64_t axis = -1);  // neighbours' differences, n times over
Tensor outer(In a, In b);                             // [n], [m] -> [n, m]
Tensor diag(In x);                                    // [n] -> [n, n], or the diagonal of [n, m]
Tensor diagonal(In x, int64_t offset = 0);  // of the last two axes: [..., n, m] -> [..., length]
Tensor trace(In x);                         // [n, m] -> []

}  // namespace cairn
