// Reverse-mode differentiation over a flat tape of ops. Gradients are written with ops, so that
// with create_graph they can be differentiated again, to any order, eagerly and inside compile().
#pragma once
#include <functional>
#include <span>

#include "cairn/tensor/tensor.h"

namespace cairn {

struct GradOptions {
  Tensors grad_outputs = {};  // one an output; ones where missing (scalars only)
  bool create_graph = false;  // keep the gradients differentiable
  bool allow_unused = false;  // an input that no output depends on: undefined instead of an error
};

// d(sum of outputs * grad_outputs) / d(inputs), in the order of `inputs`.
Tensors grad(const Tensors& outputs, const Tensors& inputs, const GradOptions& options = {});

// Adds d(loss)/d(leaf) to .grad() of every leaf that requires a gradient.
void backward(const Tensor& loss, const Tensor& gradient = {}, bool create_graph = false);

// An op of the user's own, in terms of tensors: `forward` runs outside the tape; `vjp` gets inputs,
// outputs and the outputs' gradients and returns the inputs' (undefined for none).
struct CustomFunction {
  std::function<Tensors(const Tensors& inputs)> forward;
  std::function<Tensors(const Tensors& inputs, const Tensors& outputs, const Tensors& grads)> vjp;
};
Tensors call(const CustomFunction& function, const Tensors& inputs);

// Runs fn(inputs) without keeping what its backward needs; backward runs it again
// (Chen et al. 2016, "Training deep nets with sublinear memory cost").
Tensors recompute(const std::function<Tensors(const Tensors&)>& fn, const Tensors& inputs);

}  // namespace cairn
