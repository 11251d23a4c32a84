// Gradients of fused ops through their decomposition: what makes them differentiable more than
// once.
#include "cairn/autograd/autograd.h"
#include "cairn/ops/context.h"

namespace cairn {
namespace {

// A new place on the tape for the same value, so that no path through the inputs' own history is
// counted.
Tensor alias_of(const Tensor& t, bool keep_history) {
  if (!keep_history || !t.requires_grad()) return t.detach().set_requires_grad();
  return apply(op_named("reshape"), {t}, {{"shape", t.shape()}});
}

}  // namespace

std::vector<Tensor> gradient_by_decomposition(const OpDef& op, std::span<const Tensor> inputs,
                                              const Attrs& attrs, std::span<const Tensor> grads,
                                              std::span<const bool> needs) {
  const bool again = context().grad_mode;  // the gradients are to be differentiated themselves
  const NoGrad with_tape(true);
  Tensors basics(inputs.begin(), inputs.end()), wanted;
  for (size_t i = 0; i < basics.size(); ++i) {
    if (needs[i]) wanted.push_back(basics[i] = alias_of(inputs[i], again));
    else if (!again) basics[i] = inputs[i].detach();
  }
  Tensors outputs(grads.size()), reached, reached_grads;
  op.decompose(basics, attrs, outputs);
  for (size_t i = 0; i < grads.size(); ++i)
    if (grads[i].defined() && outputs[i].requires_grad())
      reached.push_back(outputs[i]), reached_grads.push_back(grads[i]);
  const Tensors found =
      grad(reached, wanted,
           {.grad_outputs = reached_grads, .create_graph = again, .allow_unused = true});
  std::vector<Tensor> results(inputs.size());
  for (size_t i = 0, next = 0; i < results.size(); ++i)
    if (needs[i]) results[i] = found[next++];
  return results;
}

void vjp_by_decomposition(VjpCall& c) {
  const auto all = gradient_by_decomposition(c.op, c.inputs, c.attrs, c.grads, c.needs);
  std::copy(all.begin(), all.end(), c.results.begin());
}

}  // namespace cairn
