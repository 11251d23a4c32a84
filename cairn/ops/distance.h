// Lengths and distances of vectors.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

// x over its p-norm along an axis, norms below eps taken as eps (PyTorch's F.normalize).
Tensor normalize(In x, double p = 2, int64_t axis = 1, double eps = 1e-12);
// Cosine of the angle between a and b along an axis; they broadcast.
Tensor cosine_similarity(In a, const Tensor& b, int64_t axis = 1, double eps = 1e-8);
// Norm of a - b + eps over the last axis.
Tensor pairwise_distance(In a, const Tensor& b, double p = 2, double eps = 1e-6,
                         bool keepdim = false);
// Euclidean distances of all rows of a [..., M, D] to all of b [..., N, D]: [..., M, N]; gradient 0
// at distance 0.
Tensor cdist(In a, const Tensor& b);

}  // namespace cairn
