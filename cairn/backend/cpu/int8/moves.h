// What stands between 8-bit convolutions: to and from floats, sums, pooling. Channels last; each
// result as ops/qlinear_math.h has it.
#pragma once
#include <cstdint>

#include "cairn/ops/qlinear_math.h"

namespace cairn::cpu::int8 {

// Pixels [begin, end) of one image: x f32 [channels, pixels] -> y u8 [pixels, channels]. Returns
// where in x a NaN is, or -1.
int64_t quantize(const float* x, int64_t channels, int64_t pixels, int64_t begin, int64_t end,
                 qlinear::Line line, uint8_t* y);

// y = first.factor * a + (second.factor * b + both offsets), in [low, 255].
void add(const uint8_t* a, const uint8_t* b, int64_t count, qlinear::Line first,
         qlinear::Line second, float low, uint8_t* y);

struct PoolShape {
  int64_t height, width, channels, out_height, out_width;
  int64_t kernel[2], stride[2], pad[2];
};
// Rows [begin, end) of images * out_height.
void max_pool(const PoolShape& shape, const uint8_t* x, int64_t begin, int64_t end, uint8_t* y);
struct MeanParams {
  double x_scale, y_scale;
  int64_t x_zero, y_zero;
  bool count_padding;
};
void average_pool(const PoolShape& shape, const MeanParams& params, const uint8_t* x, int64_t begin,
                  int64_t end, uint8_t* y);

}  // namespace cairn::cpu::int8
