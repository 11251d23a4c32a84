// Convolution in 1, 2 and 3 dimensions (cross-correlation, as everywhere in deep learning).
// x [N, C, spatial...], weight [O, C / groups, kernel...], bias [O] or undefined.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

struct ConvOptions {
  Ints stride = {1};   // one number for all dimensions, or one each
  Ints padding = {0};  // one for all, one a dimension, or {begin, end} pairs (asymmetric)
  Ints dilation = {1};
  int64_t groups = 1;
};
Tensor conv(In x, const Tensor& weight, const Tensor& bias = {}, const ConvOptions& options = {});
Tensor conv1d(In x, const Tensor& weight, const Tensor& bias = {}, const ConvOptions& options = {});
Tensor conv2d(In x, const Tensor& weight, const Tensor& bias = {}, const ConvOptions& options = {});
Tensor conv3d(In x, const Tensor& weight, const Tensor& bias = {}, const ConvOptions& options = {});

struct ConvTransposeOptions {
  Ints stride = {1};
  Ints padding = {0};
  Ints output_padding = {0};
  Ints dilation = {1};
  int64_t groups = 1;
};
// x [N, C, spatial...], weight [C, O / groups, kernel...]: the gradient of conv with respect to its
// input.
Tensor conv_transpose(In x, const Tensor& weight, const Tensor& bias = {},
                      const ConvTransposeOptions& options = {});

}  // namespace cairn
