// Inference in 8 bits: activations u8, real value = scale * (q - zero), one scale and zero point a
// tensor; weights i8, symmetric, one scale an output channel; sums i32. The scheme and the names
// are ONNX's (QuantizeLinear, QLinearConv), after Jacob et al. 2018, "Quantization and Training of
// Neural Networks for Efficient Integer-Arithmetic-Only Inference".
//
// Quantized tensors have their channels last: [N, spatial..., C]. Every result is defined to the
// bit (qlinear_math.h), so that all kernels agree. No gradients.
#pragma once
#include "cairn/ops/conv.h"
#include "cairn/ops/op.h"
#include "cairn/ops/pool.h"

namespace cairn {

// How the numbers of a u8 tensor are to be read. scale > 0 and finite, 0 <= zero <= 255.
struct QParams {
  double scale = 1;
  int64_t zero = 0;
  friend bool operator==(const QParams&, const QParams&) = default;
};

// f32 [N, C, spatial...] -> u8 [N, spatial..., C], what lies outside the range at its ends; NaN is
// a fault. And back.
Tensor quantize_linear(In x, const QParams& to);
Tensor dequantize_linear(In x, const QParams& from);
// The same values under other parameters.
Tensor requantize_linear(In x, const QParams& from, const QParams& to);

struct QConvOptions {
  ConvOptions conv;  // two dimensions
  QParams x, y;
  QParams residual;     // of the residual, where there is one
  bool relu = false;    // after everything else
  bool floats = false;  // the result is f32 and not rounded to 8 bits; still channels last
};
// x u8 [N, H, W, C], weight i8 [O, kh, kw, C / groups] with weight_scale f32 [O], bias f32 [O],
// residual u8 like the result or undefined -> [N, H', W', O]. What lies beyond the edges is x.zero,
// the real 0.
Tensor qlinear_conv(In x, const Tensor& weight, const Tensor& weight_scale, const Tensor& bias,
                    const Tensor& residual, const QConvOptions& options);
// a + b of one shape, then relu where asked.
Tensor qlinear_add(In a, const Tensor& b, const QParams& pa, const QParams& pb, const QParams& y,
                   bool relu = false);
// Pooling of x [N, H, W, C] over two dimensions. The largest keeps its parameters.
Tensor qlinear_max_pool(In x, const PoolOptions& options);
Tensor qlinear_average_pool(In x, const PoolOptions& options, const QParams& from,
                            const QParams& to);

// Products of one sum that i32 holds for certain: 255 * 127 each, and as much again for the zero
// point.
inline constexpr int64_t kQConvMostTerms = 33000;

}  // namespace cairn
