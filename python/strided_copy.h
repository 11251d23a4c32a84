// Elements that lie anywhere become row-major ones without gaps.
#pragma once
#include <cstring>
#include <utility>

#include "python/binding.h"

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

inline void copy_elements(char* to, const char* from, const Shape& shape, const Ints& strides,
                          size_t element) {
  const int64_t count = numel(shape);
  if (count == 0) return;
  if (is_compact(shape, strides, element))
    std::memcpy(to, from, static_cast<size_t>(count) * element);
  else copy_strided(to, from, shape, strides, element);
}

// An array's memory by the buffer protocol, while alive. Throws TypeError for elements that Cairn
// has not.
class Borrowed {
 public:
  explicit Borrowed(py::handle object, std::optional<DType> as = {});
  ~Borrowed();
  Borrowed(Borrowed&& other) noexcept
      : dtype(other.dtype),
        shape(std::move(other.shape)),
        strides(std::move(other.strides)),
        view_(std::exchange(other.view_, {})) {}
  Borrowed& operator=(Borrowed&&) = delete;
  const char* data() const { return static_cast<const char*>(view_.buf); }
  void copy_to(char* to) const;  // needs no lock of Python's

  DType dtype;
  Shape shape;
  Ints strides;  // bytes

 private:
  Py_buffer view_;
};

// A new tensor of them, many of them without Python's lock.
Tensor tensor_of_strided(const char* from, DType dtype, const Shape& shape, const Ints& strides);

}  // namespace cairn::python
