// Views of bytes, sizes that cannot overflow, and a cursor that cannot run past the end.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/error.h"
#include "cairn/tensor/dtype.h"
#include "cairn/tensor/shape.h"

namespace cairn::io {

using Bytes = std::span<const uint8_t>;
using ByteVector = std::vector<uint8_t>;

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Bytes of a contiguous tensor; nothing when a size is negative or the product exceeds 2^62.
std::optional<uint64_t> checked_bytes(const Shape& shape, DType dtype);

// "1.50 MB"
std::string readable_size(uint64_t bytes);

// Reads a hostile file from front to back. Every error names the file, the offset and what was
// wanted.
class ByteReader {
 public:
  ByteReader(std::string name, Bytes bytes) : name_(std::move(name)), bytes_(bytes) {}

  const std::string& name() const { return name_; }
  uint64_t offset() const { return offset_; }
  uint64_t remaining() const { return bytes_.size() - offset_; }

  // The next `count` bytes; `what` says in the error what they were to be.
  Bytes take(uint64_t count, const char* what) {
    if (count > remaining())
      fail_here("truncated: {} needs {} bytes, {} are left; fetch or copy the file again", what,
                count, remaining());
    const Bytes taken = bytes_.subspan(offset_, count);
    offset_ += count;
    return taken;
  }

  template <class T>
  T little(const char* what) {
    return get<T>(what, std::endian::little);
  }
  template <class T>
  T big(const char* what) {
    return get<T>(what, std::endian::big);
  }

  template <class... Args>
  [[noreturn]] void fail_here(fmt::format_string<Args...> format, Args&&... args) const {
    fail("'{}', byte {}: {}", name_, offset_, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  template <class T>
  T get(const char* what, std::endian order) {
    Bytes raw = take(sizeof(T), what);
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) {
      const size_t at = order == std::endian::big ? i : sizeof(T) - 1 - i;
      value = value << 8 | raw[at];
    }
    return static_cast<T>(value);
  }

  std::string name_;
  Bytes bytes_;
  uint64_t offset_ = 0;
};

// Appends integers in a fixed byte order.
template <class T>
void append_little(ByteVector& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i)
    out.push_back(static_cast<uint8_t>(uint64_t(value) >> 8 * i));
}
template <class T>
void append_big(ByteVector& out, T value) {
  for (size_t i = sizeof(T); i-- > 0;)
    out.push_back(static_cast<uint8_t>(uint64_t(value) >> 8 * i));
}

}  // namespace cairn::io
