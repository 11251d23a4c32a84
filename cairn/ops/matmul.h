// Matrix products.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

// [..., M, K] x [..., K, N] -> [..., M, N]; leading dimensions broadcast; vectors as in PyTorch.
Tensor matmul(In a, In b);
// x W^T + b: x [..., in], weight [out, in], bias [out] or undefined (PyTorch's F.linear).
Tensor linear(In x, const Tensor& weight, const Tensor& bias = {});
// a^T W_o b + bias_o for each output o: a [..., I], b [..., J], weight [O, I, J] -> [..., O].
Tensor bilinear(In a, const Tensor& b, const Tensor& weight, const Tensor& bias = {});
// Einstein summation, "bij,bjk->bik"; at most two operands a product, more are contracted from the
// left.
Tensor einsum(const std::string& equation, const Tensors& operands, Loc loc = Loc::current());

}  // namespace cairn
