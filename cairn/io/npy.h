// NumPy's .npy files, format versions 1 to 3 (numpy.lib.format).
#pragma once
#include <string>

#include "cairn/io/file.h"

namespace cairn::io {

struct NpyArray {
  DType dtype = DType::f32;
  Shape shape;
  ByteVector data;  // row-major, little-endian
};

struct NpyHeader {
  DType dtype = DType::f32;
  Shape shape;
  bool fortran_order = false;
  uint64_t data_offset = 0;
};

// Checked against the size of the data. Throws Error naming file and reason: also for Python
// objects, structured, big-endian and complex types, which are not read.
NpyHeader parse_npy_header(Bytes bytes, const std::string& name);
NpyArray parse_npy(Bytes bytes, const std::string& name);  // Fortran order is turned into row-major
NpyArray read_npy(const std::string& path, uint64_t limit = kDefaultReadLimit);

// bf16 and f8 have no name in NumPy: throws Error.
void write_npy(const std::string& path, DType dtype, const Shape& shape, Bytes data);

}  // namespace cairn::io
