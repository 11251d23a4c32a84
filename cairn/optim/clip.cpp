#include "cairn/optim/clip.h"

#include "cairn/base/error.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::optim {

Tensor total_norm(const Tensors& gradients) {
  NoGrad no_grad;
  Tensor squares;
  for (const Tensor& g : gradients) {
    if (!g.defined()) continue;
    const Tensor s = sum(square(cast(g, DType::f32)));
    squares = squares.defined() ? squares + s : s;
  }
  return squares.defined() ? sqrt(squares) : zeros({});
}

ClippedNorm clip_grad_norm(const Tensors& gradients, double max_norm) {
  check(max_norm > 0, "clip_grad_norm: the limit {} must be positive", max_norm);
  NoGrad no_grad;
  ClippedNorm result{gradients, total_norm(gradients)};
  const Tensor scale = clamp_max(max_norm / (result.norm + 1e-6), 1.0);
  for (Tensor& g : result.gradients)
    if (g.defined()) g = g * cast(scale, g.dtype());
  return result;
}

Tensors clip_grad_value(const Tensors& gradients, double limit) {
  check(limit > 0, "clip_grad_value: the limit {} must be positive", limit);
  NoGrad no_grad;
  Tensors clipped = gradients;
  for (Tensor& g : clipped)
    if (g.defined()) g = clamp(g, -limit, limit);
  return clipped;
}

}  // namespace cairn::optim
