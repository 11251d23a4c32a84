// The arithmetic of the ops in qlinear.h, to the bit: f32, one rounding a step, multiply-adds
// fused, halves to even. Kernels do the same in vectors.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace cairn::qlinear {

constexpr float kTop = 255;

// round(v) kept in [low, 255]; low 0, or the zero point where a relu ends the op.
inline uint8_t to_u8(float v, float low) {
  return static_cast<uint8_t>(std::nearbyint(std::min(std::max(v, low), kTop)));
}

// v = q * factor + offset: reads a quantized value under other parameters.
struct Line {
  float factor, offset;
  float operator()(float q) const { return std::fma(q, factor, offset); }
};
// From real values: x / scale + zero.
inline Line line_to(double scale, int64_t zero) {
  return {static_cast<float>(1 / scale), static_cast<float>(zero)};
}
// To real values: (q - zero) * scale.
inline Line line_from(double scale, int64_t zero) {
  return {static_cast<float>(scale), static_cast<float>(-static_cast<double>(zero) * scale)};
}
inline Line line_between(double from_scale, int64_t from_zero, double to_scale, int64_t to_zero) {
  const double factor = from_scale / to_scale;
  return {static_cast<float>(factor), static_cast<float>(static_cast<double>(to_zero) -
                                                         static_cast<double>(from_zero) * factor)};
}
// A mean of `count` values whose i32 sum is read.
inline Line line_of_mean(double from_scale, int64_t from_zero, double to_scale, int64_t to_zero,
                         int64_t count) {
  const Line one = line_between(from_scale, from_zero, to_scale, to_zero);
  return {static_cast<float>(from_scale / to_scale / static_cast<double>(count)), one.offset};
}
// One output channel of a convolution, over the sum of (x - zero) * weight. The residual's own
// factor and offset are those of line_between(residual, y), whose offset is added here without y's
// zero.
inline Line line_of_channel(double x_scale, float weight_scale, float bias, double y_scale,
                            double y_offset) {
  return {static_cast<float>(x_scale * weight_scale / y_scale),
          static_cast<float>(bias / y_scale + y_offset)};
}

}  // namespace cairn::qlinear
