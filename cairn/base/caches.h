// Sizes of the processor's caches, by which kernels choose their blocks.
#pragma once
#include <cstdint>

namespace cairn {

struct Caches {
  int64_t l1 = 32 << 10;   // bytes: data, of a core
  int64_t l2 = 512 << 10;  // of a core
  int64_t l3 = 8 << 20;    // of the cores that share one with the first, 16 MB a processor at most
};

// Read once; where the system does not tell, the sizes above.
const Caches& caches();

}  // namespace cairn
