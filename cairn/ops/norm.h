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
// Training with a momentum that is a tensor []: 1 over the number of batches gives their mean.
Tensor batch_norm(In x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                  const Tensor& bias, const Tensor& momentum, double eps = 1e-5);
// Ba et al. 2016: over the last dimensions, those of `weight`.
Tensor layer_norm(In x, const Shape& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);
Tensor rms_norm(In x, const Tensor& weight,
                double eps = 1e-6);  // Zhang & Sennrich 2019, last dimension
// Over the last dimensions.
Tensor rms_norm_over(In x, const Shape& normalized_shape, const Tensor& weight = {},
                     double eps = 1e-6);
Tensor group_norm(In x, int64_t groups, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);
Tensor instance_norm(In x, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5);
// With running statistics (States), which training moves toward the samples' mean ones by
// `momentum`, and which evaluation uses.
Tensor instance_norm(In x, const Tensor& running_mean, const Tensor& running_var,
                     const Tensor& weight, const Tensor& bias, bool training, double momentum = 0.1,
                     double eps = 1e-5);
// Krizhevsky et al. 2012: x [N, C, ...] over (k + alpha mean)^beta, the mean of the squares of
// `size` neighbouring channels.
Tensor local_response_norm(In x, int64_t size, double alpha = 1e-4, double beta = 0.75,
                           double k = 1);

}  // namespace cairn
