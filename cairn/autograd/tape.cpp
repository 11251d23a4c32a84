#include "cairn/autograd/tape.h"

#include <atomic>
#include <unordered_set>

#include "cairn/ops/context.h"

namespace cairn {
namespace {

std::atomic<uint64_t> next_sequence{1};

}  // namespace

// Long chains are taken apart in a loop: recursion would exhaust the stack.
GradNode::~GradNode() {
  thread_local std::vector<Ref<GradNode>>* pending = nullptr;
  std::vector<Ref<GradNode>> own;
  const bool outermost = pending == nullptr;
  if (outermost) pending = &own;
  for (Edge& edge : edges)
    if (edge.node) pending->push_back(std::move(edge.node));
  for (Tensor& t : inputs)
    if (t.defined() && t.impl()->grad_fn) {
      pending->push_back(Ref<GradNode>(static_cast<GradNode*>(t.impl()->grad_fn.get())));
      t = Tensor();
    }
  if (!outermost) return;
  while (!own.empty()) {
    Ref<GradNode> node = std::move(own.back());
    own.pop_back();
  }
  pending = nullptr;
}

Edge edge_of(const Tensor& t) {
  if (!t.defined() || !t.requires_grad()) return {};
  TensorImpl* impl = t.impl();
  if (impl->grad_fn)
    return {Ref<GradNode>(static_cast<GradNode*>(impl->grad_fn.get())), impl->grad_index, {}};
  return {{}, 0, impl->origin ? impl->origin : t.ref()};
}

std::vector<Ref<TensorImpl>> leaves_behind(const Tensor& t) {
  std::vector<Ref<TensorImpl>> leaves;
  std::unordered_set<const RefCounted*> seen;
  std::vector<Edge> pending = {edge_of(t)};
  while (!pending.empty()) {
    const Edge edge = std::move(pending.back());
    pending.pop_back();
    if (edge.leaf && seen.insert(edge.leaf.get()).second) leaves.push_back(edge.leaf);
    if (edge.node && seen.insert(edge.node.get()).second)
      pending.insert(pending.end(), edge.node->edges.begin(), edge.node->edges.end());
  }
  return leaves;
}

void attach(const Ref<GradNode>& node, std::span<Tensor> outputs) {
  node->sequence = next_sequence.fetch_add(1, std::memory_order_relaxed);
  node->loc = context().loc;
  if (context().recorder) node->path = context().path_text(), node->loc = user_line(node->loc);
  for (size_t i = 0; i < outputs.size(); ++i) {
    node->output_descs.push_back(outputs[i].desc());
    if (!is_float(outputs[i].dtype())) continue;
    TensorImpl* impl = outputs[i].impl();
    impl->requires_grad = true;
    impl->grad_fn = Ref<RefCounted>(node.get());
    impl->grad_index = static_cast<int>(i);
  }
}

void tape_record(const OpDef& op, const Attrs& attrs, std::span<const Tensor> inputs,
                 std::span<const Tensor> saved, std::span<Tensor> outputs) {
  Ref<GradNode> node(new GradNode);
  node->op = &op, node->attrs = attrs;
  node->edges.reserve(inputs.size());
  node->input_shapes.reserve(inputs.size());
  for (const Tensor& t : inputs) {
    node->edges.push_back(edge_of(t));
    node->input_shapes.push_back(t.shape());
  }
  if (op.is(kSaveInputs)) {
    node->inputs.reserve(saved.size());
    for (size_t i = 0; i < saved.size(); ++i) {
      // A State read now stays this value whatever is assigned later.
      Tensor value = saved[i];
      if (value.is_state()) {
        value = same_value(value);
        value.impl()->requires_grad = inputs[i].requires_grad();
        value.impl()->origin = inputs[i].ref();
      }
      node->inputs.push_back(value);
    }
  }
  if (op.is(kSaveOutputs))
    for (const Tensor& t : outputs) node->outputs.push_back(same_value(t));
  attach(node, outputs);
}

std::vector<Tensor> GradNode::saved_outputs() {
  std::vector<Tensor> restored;
  for (size_t i = 0; i < outputs.size(); ++i) {
    Tensor t = same_value(outputs[i]);
    if (is_float(t.dtype())) {
      t.impl()->requires_grad = true;
      t.impl()->grad_fn = Ref<RefCounted>(this);
      t.impl()->grad_index = static_cast<int>(i);
    }
    restored.push_back(t);
  }
  return restored;
}

std::vector<Tensor> GradNode::vjp(std::span<const Tensor> grads, std::span<const bool> needs) {
  const std::vector<Tensor> results_of_forward = saved_outputs();
  if (custom) return custom(inputs, results_of_forward, Tensors(grads.begin(), grads.end()));
  std::vector<Tensor> results(edges.size());
  VjpCall call{*op, attrs, inputs, results_of_forward, input_shapes, grads, needs, results};
  op->vjp(call);
  return results;
}

}  // namespace cairn
