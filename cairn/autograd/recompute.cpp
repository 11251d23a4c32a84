// Recomputation: a function runs without a tape; backward runs it again with one.
#include <algorithm>
#include <atomic>

#include "cairn/autograd/tape.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

std::atomic<int> next_region{1};

// Collects what a function without a tape reads that wants a gradient and that it was not given.
class CaptureScope {
 public:
  CaptureScope() : outer_(context().captures) { context().captures = &found_; }
  ~CaptureScope() {
    context().captures = outer_;
    if (outer_) outer_->insert(outer_->end(), found_.begin(), found_.end());
  }
  CaptureScope(const CaptureScope&) = delete;
  CaptureScope& operator=(const CaptureScope&) = delete;

  // Each once, without those of `inputs`.
  Tensors beyond(const Tensors& inputs) const {
    Tensors result;
    for (const Tensor& t : found_) {
      const auto same = [&](const Tensor& other) { return other.impl() == t.impl(); };
      if (std::none_of(inputs.begin(), inputs.end(), same) &&
          std::none_of(result.begin(), result.end(), same))
        result.push_back(t);
    }
    return result;
  }

 private:
  std::vector<Tensor> found_;
  std::vector<Tensor>* outer_;
};

// The clone of a region: its nodes are not merged with the original's, and its assignments are
// dropped.
class CloneScope {
 public:
  explicit CloneScope(int region) : saved_(context().recompute) { context().recompute = region; }
  ~CloneScope() { context().recompute = saved_; }
  CloneScope(const CloneScope&) = delete;
  CloneScope& operator=(const CloneScope&) = delete;

 private:
  int saved_;
};

struct Region {
  std::function<Tensors(const Tensors&)> fn;
  Tensors inputs,
      wanted;  // wanted: inputs and captured tensors that require a gradient, as edges of the node
  std::vector<RandomKey> keys;
  DType products;  // under autocast; f32: none
  int id;

  Tensors again() {
    const CloneScope clone(id);
    const AutocastScope cast(products);
    const RandomKeys same(keys, RandomKeys::replay);
    return fn(inputs);
  }
  // Gradients of `wanted` from those of the outputs.
  Tensors backward(const Tensors& grads) {
    const bool differentiable = context().grad_mode;
    const NoGrad with_tape(true);
    const Tensors outputs = again();
    Tensors reached, reached_grads;
    for (size_t i = 0; i < outputs.size(); ++i)
      if (grads[i].defined() && outputs[i].requires_grad())
        reached.push_back(outputs[i]), reached_grads.push_back(grads[i]);
    return gradients_up_to(reached, reached_grads, wanted, differentiable);
  }
};

}  // namespace

Tensors recompute(const std::function<Tensors(const Tensors&)>& fn, const Tensors& inputs) {
  const Context& ctx = context();
  auto region = std::make_shared<Region>(
      Region{fn, inputs, {}, {}, ctx.autocast ? ctx.autocast_dtype : DType::f32, next_region++});
  Tensors outputs, captured;
  {
    const NoGrad no_grad;
    const CaptureScope captures;
    const RandomKeys drawn(region->keys, RandomKeys::record);
    outputs = fn(inputs);
    captured = captures.beyond(inputs);
  }
  if (!context().grad_mode) return outputs;
  for (const Tensors* list : {&inputs, static_cast<const Tensors*>(&captured)})
    for (const Tensor& t : *list)
      if (t.defined() && t.requires_grad()) region->wanted.push_back(t);
  if (region->wanted.empty()) return outputs;

  for (Tensor& t : outputs)
    t = t.detach();  // an input that is returned as it is gets a place of its own
  Ref<GradNode> node(new GradNode);
  for (const Tensor& t : region->wanted) {
    node->edges.push_back(edge_of(t));
    node->input_shapes.push_back(t.shape());
  }
  node->custom = [region](const Tensors&, const Tensors&, const Tensors& grads) {
    return region->backward(grads);
  };
  attach(node, outputs);
  return outputs;
}

}  // namespace cairn
