// Clipping of gradients (Pascanu et al. 2013). Undefined gradients stay undefined.
#pragma once
#include "cairn/tensor/tensor.h"

namespace cairn::optim {

struct ClippedNorm {
  Tensors gradients;
  Tensor norm;  // [] before clipping
};
// Scales all gradients together so that their Euclidean norm is at most max_norm.
ClippedNorm clip_grad_norm(const Tensors& gradients, double max_norm);
// Limits each element to [-limit, limit].
Tensors clip_grad_value(const Tensors& gradients, double limit);
Tensor total_norm(const Tensors& gradients);  // [] Euclidean norm of all

}  // namespace cairn::optim
