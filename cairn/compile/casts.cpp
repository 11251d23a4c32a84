#include "cairn/compile/chains.h"
#include "cairn/compile/passes.h"

// Under autocast, casts and views alternate: reshape(x), cast to bf16, product, cast to f32,
// reshape. Between the two casts numbers are small; the wide ones should exist only inside the
// regions that make and read them. So a cast to a smaller type goes before views, to the op that
// makes the value, and one to a larger type goes behind them, to the op that reads it.
namespace cairn {
namespace {

bool is_view(const Node& node) { return is_named(node, "reshape") || is_named(node, "permute"); }

class CastsPass {
 public:
  explicit CastsPass(const Graph& graph) : old_(graph), rewriter_(graph) {}

  Graph run() {
    for (const Node& node : old_.nodes)
      if (!cast_before_views(node) && !view_before_cast(node)) rewriter_.copy(node);
    return without_dead(rewriter_.finish());
  }

 private:
  const Graph& graph() { return rewriter_.graph(); }
  const Node* producer(ValueId v) {
    const int p = graph().values[v].producer;
    return p < 0 ? nullptr : &graph().nodes[p];
  }
  // A cast between floats by which numbers shrink (-1) or grow (1) in memory; else 0.
  int growth(const Node& node, DType from, DType to) const {
    if (!is_named(node, "cast") || !is_float(from) || !is_float(to)) return 0;
    return size_of(to) < size_of(from) ? -1 : size_of(to) > size_of(from);
  }

  bool cast_before_views(const Node& node) {
    if (node.inputs.size() != 1) return false;
    const DType to = old_.desc(node.outputs[0]).dtype;
    ValueId v = rewriter_.map(node.inputs[0]);
    if (growth(node, graph().desc(v).dtype, to) >= 0) return false;
    std::vector<Node> views;  // from the cast backwards
    for (const Node* p; (p = producer(v)) && is_view(*p) && p->recompute == node.recompute;
         v = p->inputs[0])
      views.push_back(*p);
    if (views.empty()) return false;
    v = rewriter_.add(node, *node.op, node.attrs, {v}, TensorDesc(to, graph().desc(v).shape));
    for (size_t i = views.size(); i-- > 0;)
      v = rewriter_.add(node, *views[i].op, views[i].attrs, {v},
                        TensorDesc(to, graph().desc(views[i].outputs[0]).shape));
    rewriter_.set(node.outputs[0], v);
    return true;
  }

  bool view_before_cast(const Node& node) {
    if (!is_view(node)) return false;
    const Node* cast = producer(rewriter_.map(node.inputs[0]));
    if (!cast || cast->inputs.size() != 1 || cast->recompute != node.recompute) return false;
    const DType from = graph().desc(cast->inputs[0]).dtype;
    if (growth(*cast, from, graph().desc(cast->outputs[0]).dtype) <= 0) return false;
    const Node wide = *cast;
    const TensorDesc& y = old_.desc(node.outputs[0]);
    const ValueId view =
        rewriter_.add(node, *node.op, node.attrs, {wide.inputs[0]}, TensorDesc(from, y.shape));
    rewriter_.set(node.outputs[0], rewriter_.add(node, *wide.op, wide.attrs, {view}, y));
    return true;
  }

  const Graph& old_;
  Rewriter rewriter_;
};

}  // namespace

Graph move_casts(const Graph& graph) { return CastsPass(graph).run(); }

}  // namespace cairn
