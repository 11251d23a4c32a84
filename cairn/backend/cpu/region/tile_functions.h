// The functions that tile programs are made of: each maps a whole tile of f32 values, vectorised
// for the processor at hand. NaN propagates as in PyTorch. A new elementwise function is one line
// of the table in tile_functions.cpp.
#pragma once
#include <cstddef>
#include <span>
#include <string_view>

namespace cairn::cpu {

// An operand that repeats (a scalar, the channels of a block) is held as kTilePeriod values.
inline constexpr size_t kTilePeriod = 16;
inline constexpr size_t kWholeTile = ~size_t{0};

struct TileArgs {
  const float* in[3];
  size_t
      mask[3];   // value i is in[i & mask]: kWholeTile, or kTilePeriod - 1 for a repeating operand
  float* out;    // may be one of the inputs
  size_t n;      // values to compute; exactly n are written
  float p0, p1;  // parameters: a slope, a bound, an exponent
};

using TileKernel = void (*)(const TileArgs&);

struct TileFunction {
  std::string_view name;
  int arity;  // 1..3
  TileKernel kernel;
};

// "add", "relu", ...; nullptr when there is none of that name. The pointer is good for ever.
const TileFunction* find_tile_function(std::string_view name);

std::span<const TileFunction> tile_functions();

}  // namespace cairn::cpu
