// Linear layers for few rows: token by token decoding, where every weight is read once and memory
// sets the pace, and a sentence at a time, where packing the weights would take as long as the
// product. Weights as PyTorch's Linear has them, [outputs, depth] row-major, in f32 or in int8 with
// a scale per output; activations and sums f32. Any number of rows works; made for 1 to 96.
#pragma once
#include <cstdint>

namespace cairn::cpu {

// y = residual + W x + bias; null pointers: left out. `residual` may be y itself.
struct LinearEpilogue {
  const float* bias = nullptr;      // [outputs]
  const float* residual = nullptr;  // [rows, outputs] by residual_stride
  int64_t residual_stride = 0;
};

// x [rows, depth] by x_stride, y [rows, outputs] by y_stride. y must not overlap x.
void gemv_f32(const float* weight, int64_t outputs, int64_t depth, const float* x, int64_t x_stride,
              int64_t rows, const LinearEpilogue& epilogue, float* y, int64_t y_stride);

// The same with weight[n][k] = scales[n] * quantized[n][k].
void gemv_i8(const int8_t* quantized, const float* scales, int64_t outputs, int64_t depth,
             const float* x, int64_t x_stride, int64_t rows, const LinearEpilogue& epilogue,
             float* y, int64_t y_stride);

}  // namespace cairn::cpu
