// Philox4x32-10: random numbers as a pure function of (seed, offset, index), so that any thread can
// draw the number of any element in any order and the result stays the same. Salmon, Moraes, Dror,
// Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once
#include <array>
#include <cmath>
#include <cstdint>

namespace cairn {

using PhiloxBlock = std::array<uint32_t, 4>;

// Ten rounds on a 128-bit counter under a 64-bit key: the paper's function, words in its order.
constexpr PhiloxBlock philox4x32(PhiloxBlock counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key0, static_cast<uint32_t>(product1),
        static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return counter;
}

// Four words for one logical index. `offset` numbers the operation (or the purpose) that draws
// them.
constexpr PhiloxBlock philox(uint64_t seed, uint64_t offset, uint64_t index) {
  return philox4x32({static_cast<uint32_t>(offset), static_cast<uint32_t>(offset >> 32),
                     static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32)},
                    static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
}

// A key for a part of a run: distinct (seed, part) give unrelated streams.
constexpr uint64_t philox_derive(uint64_t seed, uint64_t part) {
  const PhiloxBlock b = philox(seed, part, 0x64657269766564);
  return uint64_t{b[1]} << 32 | b[0];
}

// The 24 high bits as a float in [0, 1).
constexpr float uniform_from(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

// 53 bits of two words as a double in [0, 1).
constexpr double uniform_from(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

// Two independent standard normal numbers from two words (Box and Muller).
inline std::array<float, 2> normals_from(uint32_t word0, uint32_t word1) {
  const float radius = std::sqrt(-2.0f * std::log((static_cast<float>(word0 >> 8) + 1) * 0x1p-24f));
  const float angle = 6.28318530717958647692f * uniform_from(word1);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

inline float scaled_and_shifted(float value, float scale, float shift) {
  const float product = value * scale;
  return product + shift;
}

// The numbers of one (seed, offset) one after another; plain value, cheap to make where it is
// needed.
class PhiloxStream {
 public:
  explicit PhiloxStream(uint64_t seed, uint64_t offset = 0) : seed_(seed), offset_(offset) {}

  uint32_t next() {
    if (used_ == 4) block_ = philox(seed_, offset_, index_++), used_ = 0;
    return block_[used_++];
  }
  float uniform() { return uniform_from(next()); }  // [0, 1)
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  bool chance(float probability) { return uniform() < probability; }
  float normal() {
    const uint32_t first = next();
    return normals_from(first, next())[0];
  }
  // An integer in [0, bound), bound > 0, without bias (Lemire 2019: rejects the short remainder).
  uint32_t below(uint32_t bound) {
    const uint32_t threshold = -bound % bound;
    while (true) {
      const uint64_t product = uint64_t{next()} * bound;
      if (static_cast<uint32_t>(product) >= threshold) return static_cast<uint32_t>(product >> 32);
    }
  }

 private:
  uint64_t seed_, offset_, index_ = 0;
  PhiloxBlock block_{};
  int used_ = 4;
};

}  // namespace cairn
