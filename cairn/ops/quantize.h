// Linear layers with 8-bit weights: a quarter of the memory to read, which is what sets the pace of
// generation.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

// weight [out, in] ~ scale [out] * values i8 [out, in]: symmetric, one scale an output, rounded to
// nearest even.
struct Int8Weight {
  Tensor values, scale;
};
Int8Weight quantize_int8(In weight);

// x [..., in] times the transpose of the quantized weight [out, in]; bias [out] or undefined.
// Activations and sums keep x's dtype. The gradient flows to x, to the scales and to the bias; not
// to the rounded values.
Tensor linear_int8(In x, const Int8Weight& weight, const Tensor& bias = {});

}  // namespace cairn
