#include <algorithm>
#include <cstring>
#include <map>

#include "cairn/compile/passes.h"

namespace cairn {
namespace {

// Walks the nodes in order and decides each value's layout: kernels with a wish get it, elementwise
// ops and reductions take their inputs as they lie, everything else reads plain tensors.
class LayoutPass {
 public:
  LayoutPass(const Graph& graph, const Backend& backend)
      : old_(graph), rewriter_(graph), backend_(backend), fixed_(fixed_values(graph)) {}

  Graph run() {
    for (const Node& node : old_.nodes) visit(node);
    for (ValueId v : old_.results()) rewriter_.set(v, plain(rewriter_.map(v), old_.nodes.back()));
    return rewriter_.finish();
  }

 private:
  Graph& graph() { return rewriter_.graph(); }

  void visit(const Node& node) {
    if (node.op->host_kernel)
      return emit(node, plain_inputs(node), {});  // a user's kernel knows no blocks
    if (node.op->is(kElementwise)) {
      if (follow_blocked(node)) return;
      return emit(node, plain_inputs(node), {});
    }
    if (node.op->is(kReduction) && !weight_blocked(node))
      return emit(node, mapped(node), {});  // reads any layout, gives a plain one
    if (take_preferred(node)) return;
    emit(node, plain_inputs(node), {});
  }

  // Weights and their gradients meet plain States in the optimizer: they are blocked for kernels
  // only.
  bool weight_blocked(const Node& node) {
    for (ValueId v : node.inputs) {
      const LayoutKind kind = graph().desc(rewriter_.map(v)).layout.kind;
      if (kind == LayoutKind::weight_io || kind == LayoutKind::weight_oi) return true;
    }
    return false;
  }

  bool take_preferred(const Node& node) {
    std::vector<TensorDesc> in, out;
    for (ValueId v : node.inputs) in.push_back(graph().desc(rewriter_.map(v)));
    for (ValueId v : node.outputs) out.push_back(old_.desc(v));
    OpCall call{node.op, &node.attrs, {}, {}, nullptr};
    for (TensorDesc& d : in) call.inputs.push_back(&d);
    for (TensorDesc& d : out) call.outputs.push_back(&d);
    for (int i = 0; i < std::min(node.inputs.ssize(), 32); ++i)
      call.fixed |= unsigned{fixed_[node.inputs[i]]} << i;
    if (!backend_.preferred_layouts(call)) return false;
    ValueList inputs;
    for (size_t i = 0; i < in.size(); ++i)
      inputs.push_back(in_layout(rewriter_.map(node.inputs[i]), in[i].layout, node));
    std::vector<Layout> layouts;
    for (const TensorDesc& d : out) layouts.push_back(d.layout);
    emit(node, inputs, layouts);
    return true;
  }

  // An elementwise op one of whose full-size inputs is blocked works on blocks.
  bool follow_blocked(const Node& node) {
    const Shape& shape = old_.desc(node.outputs[0]).shape;
    Layout layout;
    for (ValueId v : node.inputs) {
      const TensorDesc& d = graph().desc(rewriter_.map(v));
      if (d.layout.kind != LayoutKind::channel_block || d.shape != shape) continue;
      // One value a channel is no reason to work on blocks.
      if (numel(shape) != shape[std::min(1, shape.ssize() - 1)]) layout = d.layout;
    }
    if (!layout.blocked()) return false;
    ValueList inputs;
    for (ValueId v : node.inputs) {
      const ValueId now = rewriter_.map(v);
      const TensorDesc& d = graph().desc(now);
      inputs.push_back(d.shape == shape ? in_layout(now, layout, node) : plain(now, node));
    }
    emit(node, inputs, {layout});
    return true;
  }

  ValueList mapped(const Node& node) {
    ValueList list;
    for (ValueId v : node.inputs) list.push_back(rewriter_.map(v));
    return list;
  }
  ValueList plain_inputs(const Node& node) {
    ValueList list;
    for (ValueId v : node.inputs) list.push_back(plain(rewriter_.map(v), node));
    return list;
  }
  ValueId plain(ValueId v, const Node& like) {
    const TensorDesc& d = graph().desc(v);
    return d.layout.blocked() ? in_layout(v, Layout::contiguous(d.shape), like) : v;
  }

  ValueId in_layout(ValueId v, const Layout& wanted, const Node& like) {
    const TensorDesc d = graph().desc(v);
    if (d.layout == wanted || (!wanted.blocked() && !d.layout.blocked())) return v;
    for (const auto& [other, place] : copies_[v])
      if (other == wanted) return place;
    Attrs attrs = {{"kind", static_cast<int64_t>(wanted.kind)}, {"block", int64_t{wanted.block}}};
    if (wanted.packed()) attrs.set("form", wanted.strides);
    const ValueId out =
        rewriter_.add(like, op_named("reorder"), attrs, {v}, TensorDesc(d.dtype, d.shape, wanted));
    copies_[v].emplace_back(wanted, out);
    copies_[out].emplace_back(d.layout, v);
    return out;
  }

  void emit(const Node& original, const ValueList& inputs, const std::vector<Layout>& layouts) {
    Node node = original;
    node.inputs = inputs;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      TensorDesc d = old_.desc(original.outputs[i]);
      if (i < layouts.size()) d.layout = layouts[i];
      node.outputs[i] = graph().add_value(d);
      rewriter_.set(original.outputs[i], node.outputs[i]);
    }
    graph().append(std::move(node));
  }

  const Graph& old_;
  Rewriter rewriter_;
  const Backend& backend_;
  std::vector<bool> fixed_;  // by old value
  std::map<ValueId, std::vector<std::pair<Layout, ValueId>>> copies_;
};

}  // namespace

Graph assign_layouts(const Graph& graph, const Backend& backend) {
  if (graph.nodes.empty()) return graph;
  return LayoutPass(graph, backend).run();
}

}  // namespace cairn
