// Elements that lie anywhere become row-major ones without gaps.
#pragma once
#include <cstring>

#include "cairn/tensor/shape.h"

namespace cairn::python {

// `strides` in bytes, of any sign; `from`: the element whose indices are all 0.
inline char* copy_strided(char* to, const char* from, const Shape& shape, const Ints& strides,
                          size_t element, int axis = 0) {
  if (axis == shape.ssize()) {
    std::memcpy(to, from, element);
    return to + element;
  }
  const int64_t count = shape[axis], step = strides[axis];
  const bool row = axis + 1 == shape.ssize() && step == static_cast<int64_t>(element);
  if (row && count > 0) {
    std::memcpy(to, from, static_cast<size_t>(count) * element);
    return to + static_cast<size_t>(count) * element;
  }
  for (int64_t i = 0; i < count; ++i)
    to = copy_strided(to, from + i * step, shape, strides, element, axis + 1);
  return to;
}

// Whether they are row-major without gaps already.
inline bool is_compact(const Shape& shape, const Ints& strides, size_t element) {
  int64_t expected = static_cast<int64_t>(element);
  for (int i = shape.ssize() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

// A new tensor of them, many of them without Python's lock.
Tensor tensor_of_strided(const char* from, DType dtype, const Shape& shape, const Ints& strides);

}  // namespace cairn::python
