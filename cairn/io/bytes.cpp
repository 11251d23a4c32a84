#include "cairn/io/bytes.h"

namespace cairn::io {

std::optional<uint64_t> checked_bytes(const Shape& shape, DType dtype) {
  uint64_t bytes = size_of(dtype);  // as if no size were 0: strides must not overflow either
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0) return {};
    empty |= size == 0;
    if (size > 0 && __builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes)) return {};
    if (bytes > uint64_t{1} << 62) return {};
  }
  return empty ? 0 : bytes;
}

std::string readable_size(uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  const char* units[] = {"KB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes) / 1000;
  int unit = 0;
  while (value >= 999.995 && unit < 3) value /= 1000, ++unit;
  return fmt::format("{:.2f} {}", value, units[unit]);
}

}  // namespace cairn::io
