// Where the elements of a tensor lie in its buffer. Blocked layouts exist only inside compiled
// steps (and in a State's master copy): users always see logical row-major order.
#pragma once
#include <cstdint>
#include <string>

#include "cairn/tensor/dtype.h"
#include "cairn/tensor/shape.h"

namespace cairn {

enum class LayoutKind : uint8_t {
  strided,        // strides in elements a dimension, any order
  channel_block,  // [N][C/b][spatial...][b]: dimension 1 in blocks of b, padded lanes zero
  weight_io,      // [O/b][I/b][spatial...][b i][b o] (oneDNN OIhw8i8o)
  weight_oi,      // [O/b][I/b][spatial...][b o][b i] (oneDNN OIhw8o8i)
  packed,         // as one kernel of a back end wants it; nobody else can read it
};

struct Layout {
  LayoutKind kind = LayoutKind::strided;
  int block = 0;       // b of the blocked kinds: 8 or 16
  Ints strides;        // strided only; packed: the buffer's bytes, then what the kernel must know
  int64_t offset = 0;  // strided only: of the first element, in elements

  static Layout contiguous(const Shape& shape);
  static Layout channel_blocked(int block) { return {LayoutKind::channel_block, block, {}, 0}; }
  static Layout packed_in(size_t bytes, const Ints& form);
  bool blocked() const { return kind != LayoutKind::strided; }
  bool packed() const { return kind == LayoutKind::packed; }
  friend bool operator==(const Layout&, const Layout&) = default;
};

// A tensor without its memory.
struct TensorDesc {
  DType dtype = DType::f32;
  Shape shape;
  Layout layout;

  TensorDesc() = default;
  TensorDesc(DType dtype, Shape shape);  // contiguous
  TensorDesc(DType dtype, Shape shape, Layout layout);
  bool contiguous() const;  // strided, row-major without gaps, offset 0
  size_t bytes() const;     // buffer size in bytes, padding included
  uint64_t hash(uint64_t seed) const;
  friend bool operator==(const TensorDesc&, const TensorDesc&) = default;
};

// The dimensions of the buffer and, for each, the stride of the logical tensor in it: a blocked
// tensor [N,C,H,W] has physical dimensions [N, C/b, H, W, b].
struct Physical {
  Shape dims;
  Ints strides;
};
Physical physical_of(const TensorDesc& desc);
std::string to_string(
    const TensorDesc& desc);  // "f32[2, 3]", with the layout where it is not plain

}  // namespace cairn
