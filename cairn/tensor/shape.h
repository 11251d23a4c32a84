// Shapes: sizes of the dimensions, outermost first, row-major. {} is a scalar.
#pragma once
#include <cstdint>
#include <string>

#include "cairn/base/small_vector.h"

namespace cairn {

using Ints = SmallVector<int64_t, 6>;
using Shape = Ints;

int64_t numel(const Shape& shape);  // product of the sizes; 1 for a scalar
// Whether there can be such a tensor: no size below 0, and no more than 2^60 elements, so that
// their bytes can be counted.
bool is_possible(const Shape& shape);
std::string to_string(const Ints& ints);      // "[2, 3]"
Ints contiguous_strides(const Shape& shape);  // row-major strides in elements
Shape broadcast_shapes(const char* op, const Shape& a,
                       const Shape& b);  // NumPy's rule; throws Error

// `axis` counted from the end when negative; throws Error that names `op`.
int normalize_axis(const char* op, int64_t axis, int rank);

}  // namespace cairn
