// IDX, the format of MNIST: 0, 0, type, rank; rank big-endian u32 sizes; row-major big-endian data.
// Only unsigned bytes (type 0x08) are read: every image set in this format uses them.
#pragma once
#include "cairn/io/bytes.h"

namespace cairn::io {

struct IdxArray {
  Shape shape;
  Bytes data;  // views what was parsed
};

bool is_idx(Bytes bytes);

// Throws Error naming file, offset and reason: wrong magic or type, sizes that do not fit,
// truncation, trailing bytes. `bytes` are unpacked already.
IdxArray parse_idx(Bytes bytes, const std::string& name);

}  // namespace cairn::io
