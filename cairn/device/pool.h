// A pooled allocator of host memory: freed blocks are kept by size class and handed out again, so
// that eager code pays the first touch of a page once. Large blocks use huge pages.
#pragma once
#include <cstddef>

#include "cairn/base/error.h"

namespace cairn {

// For who says what would help: other than what a wrong value asks for.
class OutOfMemory : public Error {
 public:
  using Error::Error;
};

void* pool_allocate(size_t bytes);  // 64-byte aligned; throws OutOfMemory
void pool_deallocate(void* memory, size_t bytes);
size_t pool_bytes_in_use();
size_t pool_bytes_held();  // in use and kept for later
void pool_trim();          // gives kept blocks back to the system

}  // namespace cairn
