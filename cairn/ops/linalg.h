// Linear algebra of matrices [..., n, m] in f32 or f64; leading dimensions are a batch. LAPACK
// computes, in f64, and is loaded at the first use. A matrix that has no result (singular, not
// positive definite, NaN) is an error, eager; where a compiled function reads one, at its call.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

// x symmetric (the mean of it and its transpose is used): x = V diag(values) V^T, values rising,
// vectors the columns of V, each with its largest element positive (torch.linalg.eigh; there the
// signs are left open). Where values are equal, gradients that come by way of their vectors are
// NaN, as in PyTorch; those of the values are not.
struct Eigen {
  Tensor values, vectors;  // [..., n], [..., n, n]
};
Eigen eigh(In x);

// x [..., n, m] = U diag(S) Vh, k = min(n, m) singular values, falling (torch.linalg.svd with
// full_matrices=False). Signs and equal values as in eigh(); where n != m, gradients by way of U or
// Vh also want values that are not 0.
struct Svd {
  Tensor u, s, vh;  // [..., n, k], [..., k], [..., k, m]
};
Svd svd(In x);

// x = Q R, Q's columns orthonormal, R upper triangular, k = min(n, m) (torch.linalg.qr, reduced).
// The gradient needs the first k columns to be independent.
struct Qr {
  Tensor q, r;  // [..., n, k], [..., k, m]
};
Qr qr(In x);

Tensor cholesky(In x);  // lower L with x = L L^T, x symmetric as in eigh(), positive definite
Tensor solve(In a, const Tensor& b);  // X with a X = b: a [..., n, n], b [..., n, k]
Tensor inverse(In a);
struct LogDet {
  Tensor sign, logabsdet;  // [...]; of a singular matrix 0 and -infinity
};
LogDet slogdet(In a);
Tensor det(In a);  // gradient of invertible matrices only
// The pseudo-inverse [..., m, n]: singular values up to rtol times the largest count as 0 (rtol 0:
// max(n, m) epsilon). Its gradient wants all of them different, and none of them 0.
Tensor pinv(In x, double rtol = 0);

}  // namespace cairn
