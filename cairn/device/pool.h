// A pooled allocator of host memory: freed blocks are kept by size class and handed out again, so
// that eager code pays the first touch of a page once. Large blocks use huge pages.
#pragma once
#include <cstddef>

namespace cairn {

void* pool_allocate(size_t bytes);  // 64-byte aligned; throws Error when memory is out
void pool_deallocate(void* memory, size_t bytes);
size_t pool_bytes_in_use();
size_t pool_bytes_held();  // in use and kept for later
void pool_trim();          // gives kept blocks back to the system

}  // namespace cairn
