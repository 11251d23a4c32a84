// NumPy's .npy files, format versions 1 to 3 (numpy.lib.format).
#pragma once
#include <optional>
#include <string>

#include "cairn/io/file.h"

namespace cairn::io {

struct NpyArray {
  DType dtype = DType::f32;
  Shape shape;
  ByteVector data;  // row-major, little-endian
};

struct NpyHeader {
  std::string type;            // as NumPy writes it: "<f4", ">i2", "[('x', '<f4')]"
  std::optional<DType> dtype;  // none: a type that is described, but not read
  Shape shape;
  bool fortran_order = false;
  uint64_t data_offset = 0;
};

// Of every type that NumPy writes, checked against the size of the data where the type states one.
// Throws Error naming file and reason.
NpyHeader parse_npy_header(Bytes bytes, const std::string& name);
// Fortran order is turned into row-major. Throws Error, with the way out, also for types that are
// not read: other widths of integers, big-endian, complex, text, dates, Python objects, structured
// ones.
NpyArray parse_npy(Bytes bytes, const std::string& name);
NpyArray read_npy(const std::string& path, uint64_t limit = kDefaultReadLimit);

// What stands before the data. bf16 and f8 have no name in NumPy: throws Error naming `name`.
ByteVector npy_header(DType dtype, const Shape& shape, const std::string& name);
void write_npy(const std::string& path, DType dtype, const Shape& shape, Bytes data);

}  // namespace cairn::io
