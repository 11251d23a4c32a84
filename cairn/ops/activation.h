// Activations composed of elementwise functions, with PyTorch's definitions and defaults. The basic
// ones (relu, gelu, silu, ...) are in elementwise.h.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

Tensor glu(
    In x, int64_t axis = -1);  // a sigmoid(b) for the halves a, b of the axis (Dauphin et al. 2017)
Tensor swiglu(In x, int64_t axis = -1);  // silu(a) b (Shazeer 2020)
Tensor prelu(
    In x,
    const Tensor& weight);  // x, or weight x below 0; weight [1] or [], or [C] for x [N, C, ...]
Tensor threshold(In x, double limit, double otherwise);  // x where x > limit
Tensor hardshrink(In x, double lambda = 0.5);            // 0 within [-lambda, lambda]
Tensor softshrink(In x, double lambda = 0.5);            // moved toward 0 by lambda
Tensor tanhshrink(In x);                                 // x - tanh(x)
Tensor softmin(In x, int64_t axis = -1);

// A sample of nearly one-hot rows that carries gradients (Jang et al. 2017); `hard`: one-hot
// forward.
Tensor gumbel_softmax(In logits, double temperature = 1, bool hard = false, int64_t axis = -1);

}  // namespace cairn
