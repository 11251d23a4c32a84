// Whole numbers divided and rounded up. Divisors and units are positive.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cairn {

// How many parts of `size` hold `count`: 3 for 9 by 4.
constexpr int64_t ceil_div(int64_t count, int64_t size) { return (count + size - 1) / size; }

// The next multiple of `unit`: 12 for 9 by 4.
constexpr int64_t round_up(int64_t count, int64_t unit) { return ceil_div(count, unit) * unit; }

// The same of a size in memory.
constexpr size_t round_up_bytes(size_t bytes, size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace cairn
