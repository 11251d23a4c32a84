#include "cairn/tensor/shape.h"

#include "cairn/base/error.h"

namespace cairn {

int64_t numel(const Shape& shape) {
  int64_t n = 1;
  for (int64_t size : shape) n *= size;
  return n;
}

bool is_possible(const Shape& shape) {
  constexpr int64_t kMost = int64_t{1} << 60;
  int64_t n = 1;  // an empty dimension does not make the others' strides countable
  for (int64_t size : shape)
    if (size < 0 || (size > 1 && __builtin_mul_overflow(n, size, &n)) || n > kMost) return false;
  return true;
}

std::string to_string(const Ints& ints) {
  std::string text = "[";
  for (size_t i = 0; i < ints.size(); ++i) text += (i ? ", " : "") + std::to_string(ints[i]);
  return text + "]";
}

Ints contiguous_strides(const Shape& shape) {
  Ints strides(shape.size(), 1);
  for (int d = shape.ssize() - 2; d >= 0; --d) strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  const int rank = std::max(a.ssize(), b.ssize());
  Shape out(rank, 1);
  for (int d = 0; d < rank; ++d) {
    const int ia = a.ssize() - rank + d, ib = b.ssize() - rank + d;
    const int64_t sa = ia < 0 ? 1 : a[ia], sb = ib < 0 ? 1 : b[ib];
    if (sa != sb && sa != 1 && sb != 1)
      fail("{}: shapes {} and {} do not broadcast (dimension {} is {} and {})", op, to_string(a),
           to_string(b), d, sa, sb);
    out[d] = sa == 1 ? sb : sa;
  }
  return out;
}

int normalize_axis(const char* op, int64_t axis, int rank) {
  if (axis < -rank || axis >= std::max(rank, 1))
    fail("{}: axis {} is out of range for a tensor of {} dimensions", op, axis, rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace cairn
