#include <set>

#include "cairn/compile/passes.h"
#include "cairn/ops/context.h"

namespace cairn {
namespace {

class ViewPass {
 public:
  ViewPass(const Graph& graph, const Backend& backend)
      : old_(graph), rewriter_(graph), backend_(backend) {}

  Graph run() {
    for (const Node& node : old_.nodes) visit(node);
    const Node nobody = {};
    for (ValueId v : old_.results())
      if (must_own(rewriter_.map(v))) rewriter_.set(v, copy_of(rewriter_.map(v), nobody));
    Graph result = rewriter_.finish();
    copy_repeated_outputs(result);
    return result;
  }

 private:
  Graph& graph() { return rewriter_.graph(); }

  // Results live in buffers of their own: not in an input's, and not behind strides.
  bool must_own(ValueId v) {
    const int32_t p = graph().values[v].producer;
    return p < 0 || graph().nodes[p].alias || !graph().desc(v).contiguous();
  }

  // A value that is returned twice has a buffer for each.
  static void copy_repeated_outputs(Graph& graph) {
    std::set<ValueId> seen;
    for (ValueId& v : graph.outputs) {
      if (seen.insert(v).second) continue;
      Node copy;
      copy.op = &op_named("copy"), copy.inputs = {v};
      v = graph.add_value(TensorDesc(graph.desc(v).dtype, graph.desc(v).shape));
      copy.outputs = {v};
      graph.append(std::move(copy));
    }
  }

  void visit(const Node& original) {
    Node node = original;
    for (ValueId& v : node.inputs) v = rewriter_.map(v);
    std::vector<TensorDesc> out;
    for (ValueId v : original.outputs) out.push_back(old_.desc(v));
    OpCall call{node.op, &node.attrs, {}, {}, nullptr};
    for (ValueId v : node.inputs) call.inputs.push_back(&graph().values[v].desc);
    for (TensorDesc& d : out) call.outputs.push_back(&d);
    if (node.op->is(kView) && !call.in(0).layout.blocked() && node.op->view(call)) {
      node.alias = true;
    } else {
      if (node.op->is(kView) && !out[0].layout.blocked())
        out[0].layout = Layout::contiguous(out[0].shape);
      for (int i = 0; i < node.inputs.ssize(); ++i) {
        const TensorDesc d = graph().desc(node.inputs[i]);
        if (d.layout.blocked() || d.contiguous() || reads_strides(backend_, call, i)) continue;
        node.inputs[i] = copy_of(node.inputs[i], node);
        for (int j = 0; j < node.inputs.ssize(); ++j)
          call.inputs[j] = &graph().values[node.inputs[j]].desc;
      }
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      node.outputs[i] = graph().add_value(out[i]);
      rewriter_.set(original.outputs[i], node.outputs[i]);
    }
    graph().append(std::move(node));
  }

  ValueId copy_of(ValueId v, const Node& like) {
    const TensorDesc d = graph().desc(v);
    return rewriter_.add(like, op_named("copy"), {}, {v}, TensorDesc(d.dtype, d.shape));
  }

  const Graph& old_;
  Rewriter rewriter_;
  const Backend& backend_;
};

}  // namespace

Graph resolve_views(const Graph& graph, const Backend& backend) {
  return ViewPass(graph, backend).run();
}

}  // namespace cairn
