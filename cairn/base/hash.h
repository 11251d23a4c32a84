// Mixing of words into a 64-bit hash, for cache keys.
#pragma once
#include <cstdint>

namespace cairn {

inline uint64_t hash_mix(uint64_t seed, uint64_t value) {
  const __uint128_t product =
      static_cast<__uint128_t>(seed ^ 0x9e3779b97f4a7c15ull) * (value ^ 0xd6e8feb86659fd93ull);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace cairn
