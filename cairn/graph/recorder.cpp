#include "cairn/graph/recorder.h"

#include <atomic>

namespace cairn {
namespace {
std::atomic<uint32_t> next_trace{1};
}

GraphRecorder::GraphRecorder(Graph& graph) : graph_(graph), trace_(next_trace.fetch_add(1)) {}

Tensor GraphRecorder::tensor_of(ValueId value) {
  Ref<TensorImpl> impl(new TensorImpl);
  impl->desc = graph_.desc(value);
  impl->value = value;
  impl->trace = trace_;
  return Tensor(impl);
}

ValueId GraphRecorder::value_of(const Tensor& t) { return read(t).impl()->value; }

Tensor GraphRecorder::argument(const TensorDesc& desc, int number, bool requires_grad) {
  const ValueId value = graph_.add_value(TensorDesc(desc.dtype, desc.shape));
  graph_.inputs.push_back({InputKind::argument, value, number, {}});
  Tensor t = tensor_of(value);
  t.impl()->requires_grad = requires_grad;
  return t;
}

// A tensor from outside becomes an input that is read at each replay.
Tensor GraphRecorder::capture(const Tensor& t) {
  if (!t.impl()->buffer)
    fail("a tensor of another compile() is used in this one; return it from there and pass it in{}", where(context().loc));
  const ValueId value = graph_.add_value(TensorDesc(t.dtype(), t.shape()));
  graph_.inputs.push_back({t.is_state() ? InputKind::state : InputKind::captured, value, -1, t.ref()});
  Tensor traced = tensor_of(value);
  traced.impl()->requires_grad = t.requires_grad();
  if (t.is_state()) {
    traced.impl()->origin = t.ref();
    depends_on([impl = t.ref()] { return static_cast<int64_t>(impl->requires_grad); });
  } else {
    traced.impl()->grad_fn = t.impl()->grad_fn;
    traced.impl()->grad_index = t.impl()->grad_index;
    if (t.requires_grad() && !t.impl()->grad_fn) traced.impl()->origin = t.ref();
  }
  return traced;
}

Tensor GraphRecorder::read(const Tensor& t) {
  TensorImpl* impl = t.impl();
  if (impl->value >= 0 && impl->trace == trace_) return t;
  const auto known = current_.find(impl);
  if (known != current_.end()) return known->second;
  return current_[impl] = capture(t);
}

void GraphRecorder::record(const OpDef& op, const Attrs& attrs, std::span<const Tensor> inputs,
                           std::span<Tensor> outputs, Loc loc) {
  Node node;
  node.op = &op, node.attrs = attrs;
  node.path = like ? like->path : context().path_text();
  node.loc = like ? like->loc : user_line(loc);
  node.recompute = like ? like->recompute : context().recompute;
  for (const Tensor& t : inputs) node.inputs.push_back(value_of(t));
  for (Tensor& t : outputs) {
    const ValueId value = graph_.add_value(t.desc());
    t.impl()->value = value;
    t.impl()->trace = trace_;
    node.outputs.push_back(value);
  }
  graph_.append(std::move(node));
}

void GraphRecorder::assign(const Tensor& state, const Tensor& value) {
  if (!current_.count(state.impl())) read(state);
  Tensor now = tensor_of(value_of(value));
  now.impl()->origin = state.ref();
  now.impl()->requires_grad = state.requires_grad();
  current_[state.impl()] = now;
  for (const auto& s : assigned_)
    if (s == state.ref()) return;
  assigned_.push_back(state.ref());
}

Tensor GraphRecorder::grad(const TensorImpl& leaf) {
  const auto it = grads_.find(leaf.origin ? leaf.origin.get() : &leaf);
  if (it != grads_.end()) return it->second;
  return leaf.grad ? read(Tensor(leaf.grad)) : Tensor();
}

void GraphRecorder::set_grad(const Tensor& leaf, const Tensor& gradient) {
  const Ref<TensorImpl> key = leaf.impl()->origin ? leaf.impl()->origin : leaf.ref();
  grads_[key.get()] = gradient;
  for (const auto& l : with_grad_)
    if (l == key) return;
  with_grad_.push_back(key);
}

void GraphRecorder::depends_on(std::function<int64_t()> probe) {
  const int64_t now = probe();
  modes.emplace_back(std::move(probe), now);
}

void GraphRecorder::finish() {
  for (const auto& state : assigned_) graph_.assignments.push_back({state, current_[state.get()].impl()->value});
  for (const auto& leaf : with_grad_)
    if (const Tensor& g = grads_[leaf.get()]; g.defined()) graph_.gradients.push_back({leaf, value_of(g)});
}

}  // namespace cairn
