// Buffers for the tests: start poisoned by NaN, with guard bytes on both sides.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace cairn::test {

class Guarded {
 public:
  explicit Guarded(size_t bytes) : bytes_(bytes) {
    const size_t whole = (bytes + 2 * kGuard + 63) / 64 * 64;
    memory_ = static_cast<unsigned char*>(std::aligned_alloc(64, whole));
    memset(memory_, 0xCD, kGuard);
    memset(memory_ + kGuard, 0xFF, bytes);  // a NaN in each float
    memset(memory_ + kGuard + bytes, 0xCD, kGuard);
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() {
    bool intact = true;
    for (size_t i = 0; i < kGuard; ++i)
      intact &= memory_[i] == 0xCD && memory_[kGuard + bytes_ + i] == 0xCD;
    EXPECT_TRUE(intact) << "a kernel wrote outside a buffer of " << bytes_ << " bytes";
    std::free(memory_);
  }
  float* floats() { return reinterpret_cast<float*>(memory_ + kGuard); }
  void* get() { return memory_ + kGuard; }

 private:
  static constexpr size_t kGuard = 256;
  size_t bytes_;
  unsigned char* memory_;
};

// Floats with guards; random in +-scale, or poisoned where scale is 0.
class Floats : public Guarded {
 public:
  explicit Floats(size_t count, double scale = 0, unsigned seed = 0)
      : Guarded(count * sizeof(float)), count_(count) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<float> draw(-1, 1);
    if (scale > 0)
      for (size_t i = 0; i < count; ++i) floats()[i] = static_cast<float>(scale) * draw(engine);
  }
  std::vector<double> doubles() { return std::vector<double>(floats(), floats() + count_); }
  size_t size() const { return count_; }

 private:
  size_t count_;
};

// |got - want| <= tolerance * (1 + |largest want|), elementwise; NaN fails.
inline void expect_near(const std::vector<double>& want, Floats& got, double tolerance,
                        const char* name) {
  ASSERT_EQ(want.size(), got.size()) << name;
  double largest = 0, worst = 0;
  size_t at = 0;
  for (double w : want) largest = std::max(largest, std::abs(w));
  for (size_t i = 0; i < want.size(); ++i) {
    const double error = std::abs(got.floats()[i] - want[i]);
    if (!(error <= worst)) worst = error, at = i;
    if (error != error) break;
  }
  EXPECT_TRUE(worst <= tolerance * (1 + largest))
      << name << "[" << at << "]: " << got.floats()[at] << ", expected " << want[at];
}

}  // namespace cairn::test
