#include "cairn/graph/recorder.h"

#include <atomic>

#include "cairn/autograd/tape.h"
#include "cairn/ops/random.h"

namespace cairn {
namespace {
std::atomic<uint32_t> next_trace{1};

// What changes of a tensor that is read: to() its type, set_requires_grad() and freeze() whether it
// is trained.
int64_t look_of(const RefCounted& tensor) {
  const auto& t = static_cast<const TensorImpl&>(tensor);
  return static_cast<int64_t>(t.desc.dtype) * 2 + t.requires_grad;
}
}  // namespace

Mode mode_of(const Ref<TensorImpl>& tensor) {
  return {Ref<RefCounted>(tensor.get()), look_of, look_of(*tensor)};
}

GraphRecorder::GraphRecorder(Graph& graph)
    : graph_(graph),
      trace_(next_trace.fetch_add(1)),
      outer_trace_(std::exchange(trace_of_thread, trace_)) {}
GraphRecorder::~GraphRecorder() { trace_of_thread = outer_trace_; }

Tensor GraphRecorder::tensor_of(ValueId value) {
  Ref<TensorImpl> impl(new TensorImpl);
  impl->desc = graph_.desc(value);
  impl->value = value;
  impl->trace = trace_;
  return Tensor(impl);
}

ValueId GraphRecorder::value_of(const Tensor& t) { return read(t).impl()->value; }

Tensor GraphRecorder::argument(const TensorDesc& desc, int number) {
  const ValueId value = graph_.add_value(TensorDesc(desc.dtype, desc.shape));
  graph_.inputs.push_back({InputKind::argument, value, number, {}});
  return tensor_of(value);
}
Tensor GraphRecorder::argument(const Tensor& given, int number) {
  Tensor t = argument(given.desc(), number);
  t.impl()->requires_grad = given.requires_grad();
  if (!given.requires_grad()) return t;
  if (given.impl()->grad_fn) cut_off(t, given, fmt::format("argument {}", number));
  else arguments_.push_back({t.ref(), given, number});
  return t;
}

void cut_off(const Tensor& traced, const Tensor& given, std::string what) {
  Ref<GradNode> node(new GradNode);
  node->edges.push_back(edge_of(given));
  node->custom = [what = std::move(what)](const Tensors&, const Tensors&,
                                          const Tensors&) -> Tensors {
    fail(
        "compile: a gradient flows on to what {} of the compiled function was computed from, which "
        "is out of its reach; compute that "
        "inside compile() too, or give it detach()ed{}",
        what, where(context().loc));
  };
  Tensor result = traced;
  attach(node, {&result, 1});
}

// A tensor from outside becomes an input that is read at each replay.
Tensor GraphRecorder::capture(const Tensor& t) {
  if (!t.impl()->buffer)
    fail("a tensor of another compile() is used in this one; return it from there and pass it in{}",
         where(context().loc));
  const ValueId value = graph_.add_value(TensorDesc(t.dtype(), t.shape()));
  Tensor traced = tensor_of(value);
  if (t.ref() == generator().ref()) {
    graph_.inputs.push_back({InputKind::generator, value, -1, {}});
    return traced;
  }
  const bool made_here = !t.is_state() && t.impl()->trace == trace_;
  const InputKind kind = t.is_state() ? InputKind::state
                         : made_here  ? InputKind::constant
                                      : InputKind::captured;
  graph_.inputs.push_back({kind, value, -1, t.ref()});
  if (!made_here) depends_on(Ref<RefCounted>(t.impl()), look_of);
  traced.impl()->requires_grad = t.requires_grad();
  traced.impl()->grad_fn = t.impl()->grad_fn;
  traced.impl()->grad_index = t.impl()->grad_index;
  if (t.is_state() || (t.requires_grad() && !t.impl()->grad_fn)) traced.impl()->origin = t.ref();
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
  check(!(state.ref() == generator().ref()),
        "assign: the random generator is moved outside compile()");
  if (!current_.count(state.impl())) read(state);
  Tensor now = tensor_of(value_of(value));
  now.impl()->origin = state.ref();
  now.impl()->requires_grad = state.requires_grad();
  current_[state.impl()] = now;
  for (const auto& s : assigned_)
    if (s == state.ref()) return;
  assigned_.push_back(state.ref());
}

const GraphRecorder::Argument* GraphRecorder::argument_of(const TensorImpl* leaf) const {
  for (const Argument& a : arguments_)
    if (a.traced.get() == leaf) return &a;
  return nullptr;
}

// What .grad() was before the step: an input, or none, on which the trace depends.
Tensor GraphRecorder::gradient_from_outside(const TensorImpl& leaf) {
  const Argument* argument = argument_of(&leaf);
  const int number = argument ? argument->number : -1;
  const Held<TensorImpl> held =
      argument ? Held<TensorImpl>() : Held<TensorImpl>(Ref(const_cast<TensorImpl*>(&leaf)));
  const Ref<TensorImpl>& before = (argument ? *argument->given.impl() : leaf).grad;
  gradient_modes.push_back({held, number, before ? static_cast<int>(before->desc.dtype) : -1});
  if (!before) return {};
  const ValueId value = graph_.add_value(TensorDesc(before->desc.dtype, before->desc.shape));
  graph_.inputs.push_back({InputKind::gradient, value, number, held});
  Tensor traced = tensor_of(value);
  if (before->grad_fn) {
    traced.impl()->requires_grad = true;
    cut_off(traced, Tensor(before), "the gradient that a leaf had before the call");
  }
  return traced;
}

Tensor GraphRecorder::grad(const TensorImpl& leaf) {
  const TensorImpl* key = leaf.origin ? leaf.origin.get() : &leaf;
  if (const auto known = grads_.find(key); known != grads_.end()) return known->second;
  if (key->trace == trace_ && !argument_of(key)) return {};  // a leaf of the trace itself
  return grads_[key] = gradient_from_outside(*key);
}

void GraphRecorder::set_grad(const Tensor& leaf, const Tensor& gradient) {
  const Ref<TensorImpl> key = leaf.impl()->origin ? leaf.impl()->origin : leaf.ref();
  grads_[key.get()] = gradient;
  for (const auto& l : with_grad_)
    if (l == key) return;
  with_grad_.push_back(key);
}

void GraphRecorder::depends_on(const Ref<RefCounted>& owner, Probe probe) {
  for (const Mode& m : modes)
    if (m.probe == probe && m.owner.get() == owner.get()) return;
  modes.push_back({owner, probe, probe(*owner)});
}

void GraphRecorder::finish() {
  for (const auto& state : assigned_)
    graph_.assignments.push_back({state, current_[state.get()].impl()->value});
  for (const auto& leaf : with_grad_) {
    const Argument* argument = argument_of(leaf.get());
    if (!argument && leaf->trace == trace_) continue;  // gone with the trace
    const Tensor& g = grads_[leaf.get()];
    graph_.gradients.push_back({argument ? Held<TensorImpl>() : Held<TensorImpl>(leaf),
                                argument ? argument->number : -1, g.defined() ? value_of(g) : -1});
  }
}

}  // namespace cairn
