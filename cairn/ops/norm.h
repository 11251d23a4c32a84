// Softmax and normalisation.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

Tensor softmax(In x, int64_t axis = -1);
Tensor log_softmax(In x, int64_t axis = -1);

// Ioffe & Szegedy 2015: x [N, C, ...]. In training the batch's statistics are used and the running
// ones (States, may be undefined) move toward them by `momentum` (the variance unbiased, as in
// PyTorch).
Tensor batch_norm(In x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                  const Tensor& bias, bool training, double momentum = 0.1, double eps = 1e-5);
// Ba et al. 2016: over the last dimensions, those of `weight`.
Tensor layer_norm(In x, const Shape& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);
Tensor rms_norm(In x, const Tensor& weight,
                double eps = 1e-6);  // Zhang & Sennrich 2019, last dimension
Tensor group_norm(In x, int64_t groups, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);
Tensor instance_norm(In x, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5);

}  // namespace cairn
