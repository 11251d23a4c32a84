#include <algorithm>
#include <cstring>
#include <set>
#include <tuple>
#include <unordered_map>

#include "cairn/base/hash.h"
#include "cairn/compile/chains.h"
#include "cairn/compile/passes.h"

namespace cairn {
namespace {

// Ops that multiply x with a function of it.
struct Gated {
  const char *op, *factor;
};
constexpr Gated kGated[] = {
    {"gelu", "gelu_gate"}, {"gelu_tanh", "gelu_tanh_gate"}, {"silu", "sigmoid"}};

// Backward from the results.
std::vector<char> live_nodes(const Graph& graph) {
  std::vector<char> live(graph.nodes.size(), 0), wanted(graph.values.size(), 0);
  for (ValueId v : graph.results()) wanted[v] = 1;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    for (ValueId v : node.outputs) live[i] |= wanted[v];
    // A check that may stop the step has an effect even when its value goes unused.
    live[i] |= is_named(node, "check_finite");
    if (live[i])
      for (ValueId v : node.inputs) wanted[v] = 1;
  }
  return live;
}

class Simplifier {
 public:
  explicit Simplifier(const Graph& graph)
      : old_(graph), rewriter_(graph), live_(live_nodes(graph)) {}

  Graph run() {
    note_factors();
    for (size_t i = 0; i < old_.nodes.size(); ++i)
      if (live_[i]) visit(old_.nodes[i]);
    return rewriter_.finish();
  }

 private:
  Graph& graph() { return rewriter_.graph(); }
  const Node* producer(ValueId v) {
    const int32_t p = graph().values[v].producer;
    return p < 0 ? nullptr : &graph().nodes[p];
  }

  void visit(const Node& original) {
    Node node = original;
    for (ValueId& v : node.inputs) v = rewriter_.map(v);
    drop_useless_expands(node);
    if (const ValueId whole = joined_slices(node, original); whole >= 0)
      return rewriter_.set(original.outputs[0], whole);
    if (const ValueId same = identity(node); same >= 0)
      return rewriter_.set(original.outputs[0], same);
    merge_views(node);
    if (const Node* earlier = find_equal(node)) {
      for (size_t i = 0; i < original.outputs.size(); ++i)
        rewriter_.set(original.outputs[i], earlier->outputs[i]);
      return;
    }
    if (!share_factor(original, node)) emit(original, std::move(node));
  }

  void emit(const Node& original, Node node) {
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      node.outputs[i] = graph().add_value(old_.desc(original.outputs[i]));
      rewriter_.set(original.outputs[i], node.outputs[i]);
    }
    const uint64_t key = key_of(node);
    graph().append(std::move(node));
    seen_.emplace(key, static_cast<int32_t>(graph().nodes.size() - 1));
  }

  // A sum of slices embedded in zeros that together cover an axis (the gradient of split and chunk)
  // is those slices side by side.
  ValueId joined_slices(const Node& node, const Node& original) {
    if (!is_named(node, "add")) return -1;
    std::vector<const Node*> slices;
    if (!collect_slices(node.inputs[0], slices) || !collect_slices(node.inputs[1], slices))
      return -1;
    std::sort(slices.begin(), slices.end(), [](const Node* a, const Node* b) {
      return a->attrs.integer("start") < b->attrs.integer("start");
    });
    int64_t next = 0;
    for (const Node* s : slices) {
      if (s->attrs.integer("axis") != slices[0]->attrs.integer("axis") ||
          s->attrs.integer("start") != next)
        return -1;
      next += s->attrs.integer("length");
    }
    if (next != slices[0]->attrs.integer("size")) return -1;
    const Attrs attrs = {{"axis", slices[0]->attrs.integer("axis")}};
    ValueList inputs;
    for (const Node* s : slices) inputs.push_back(s->inputs[0]);
    return rewriter_.add(original, op_named("cat"), attrs, inputs, old_.desc(original.outputs[0]));
  }
  bool collect_slices(ValueId v, std::vector<const Node*>& slices) {
    const Node* p = producer(v);
    if (!p) return false;
    if (is_named(*p, "add"))
      return collect_slices(p->inputs[0], slices) && collect_slices(p->inputs[1], slices);
    if (!is_named(*p, "embed_slice") || p->attrs.integer("step") != 1) return false;
    slices.push_back(p);
    return true;
  }

  // The value that the node only passes on, or -1.
  ValueId identity(const Node& node) {
    if (is_named(node, "copy")) return node.inputs[0];
    if (is_named(node, "add_scalar") && node.attrs.number("value") == 0) return node.inputs[0];
    if (is_named(node, "mul_scalar") && node.attrs.number("value") == 1) return node.inputs[0];
    if (is_named(node, "cast") &&
        graph().desc(node.inputs[0]).dtype == static_cast<DType>(node.attrs.integer("dtype")))
      return node.inputs[0];
    if (is_named(node, "cast")) {  // to a larger float and back
      const Node* before = producer(node.inputs[0]);
      const DType dtype = static_cast<DType>(node.attrs.integer("dtype")),
                  wide = graph().desc(node.inputs[0]).dtype;
      if (before && is_named(*before, "cast") && graph().desc(before->inputs[0]).dtype == dtype &&
          is_float(dtype) && is_float(wide) && size_of(wide) > size_of(dtype))
        return before->inputs[0];
    }
    if (is_named(node, "reshape")) {
      if (graph().desc(node.inputs[0]).shape == node.attrs.ints("shape")) return node.inputs[0];
      const Node* before = producer(node.inputs[0]);
      if (before && is_named(*before, "reshape") &&
          graph().desc(before->inputs[0]).shape == node.attrs.ints("shape"))
        return before->inputs[0];
      return reduce_keeping(node);
    }
    return -1;
  }

  // sum without keepdim, then a reshape that puts the axes back: a sum with keepdim.
  ValueId reduce_keeping(const Node& node) {
    const Node* before = producer(node.inputs[0]);
    if (!before || !before->op->is(kReduction) || before->attrs.integer("keepdim")) return -1;
    Shape kept = graph().desc(before->inputs[0]).shape;
    for (int64_t axis : before->attrs.ints("axes")) kept[axis] = 1;
    if (kept != node.attrs.ints("shape")) return -1;
    Node keeping = *before;
    keeping.attrs.set("keepdim", int64_t{1});
    if (const Node* earlier = find_equal(keeping)) return earlier->outputs[0];
    keeping.outputs = {graph().add_value(TensorDesc(graph().desc(node.inputs[0]).dtype, kept))};
    const uint64_t key = key_of(keeping);
    const ValueId out = keeping.outputs[0];
    graph().append(std::move(keeping));
    seen_.emplace(key, static_cast<int32_t>(graph().nodes.size() - 1));
    return out;
  }

  // An elementwise op broadcasts by itself: an expanded input is not needed while another has the
  // shape.
  void drop_useless_expands(Node& node) {
    if (!node.op->is(kElementwise) || node.inputs.size() < 2) return;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Node* before = producer(node.inputs[i]);
      if (!before || !is_named(*before, "expand")) continue;
      const Shape& wide = graph().desc(node.inputs[i]).shape;
      for (size_t j = 0; j < node.inputs.size(); ++j)
        if (j != i && graph().desc(node.inputs[j]).shape == wide) {
          node.inputs[i] = before->inputs[0];
          break;
        }
    }
  }

  // x f(x) is one multiplication where f(x) is computed anyway, as the derivative wants it.
  void note_factors() {
    for (size_t i = 0; i < old_.nodes.size(); ++i)
      for (const Gated& g : kGated)
        if (live_[i] && is_named(old_.nodes[i], g.factor))
          factors_.insert({g.factor, old_.nodes[i].inputs[0], old_.nodes[i].recompute});
  }
  bool share_factor(const Node& original, const Node& node) {
    const DType dtype = old_.desc(original.outputs[0]).dtype;
    if (dtype != DType::f32 && dtype != DType::f64) return false;  // would round twice
    for (const Gated& g : kGated) {
      if (!is_named(node, g.op) || !factors_.count({g.factor, original.inputs[0], node.recompute}))
        continue;
      Node factor = node, product = node;
      factor.op = &op_named(g.factor), product.op = &op_named("mul");
      const Node* earlier = find_equal(factor);
      if (!earlier) emit(original, std::move(factor));
      product.inputs = {node.inputs[0],
                        earlier ? earlier->outputs[0] : rewriter_.map(original.outputs[0])};
      emit(original, std::move(product));
      return true;
    }
    return false;
  }

  void merge_views(Node& node) {
    if (!is_named(node, "reshape") && !is_named(node, "expand")) return;
    while (const Node* before = producer(node.inputs[0])) {
      if (std::strcmp(before->op->name, node.op->name) != 0) return;
      node.inputs[0] = before->inputs[0];
    }
  }

  uint64_t key_of(const Node& node) {
    uint64_t key =
        hash_mix(reinterpret_cast<uintptr_t>(node.op), static_cast<uint64_t>(node.recompute));
    for (ValueId v : node.inputs) key = hash_mix(key, static_cast<uint64_t>(v));
    return node.attrs.hash(key);
  }
  const Node* find_equal(const Node& node) {
    const auto [first, last] = seen_.equal_range(key_of(node));
    for (auto it = first; it != last; ++it) {
      const Node& other = graph().nodes[it->second];
      if (other.op == node.op && other.inputs == node.inputs && other.attrs == node.attrs &&
          other.recompute == node.recompute)
        return &other;
    }
    return nullptr;
  }

  const Graph& old_;
  Rewriter rewriter_;
  std::vector<char> live_;
  std::unordered_multimap<uint64_t, int32_t> seen_;
  std::set<std::tuple<const char*, ValueId, int>>
      factors_;  // op, of which value, in which recomputed region
};

}  // namespace

Graph without_dead(const Graph& graph) {
  const std::vector<char> live = live_nodes(graph);
  Rewriter rewriter(graph);
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    if (live[i]) rewriter.copy(graph.nodes[i]);
  return rewriter.finish();
}

Graph simplify(const Graph& graph) {
  Graph once = Simplifier(graph).run();
  return Simplifier(once).run();  // what the first round made dead or equal
}

}  // namespace cairn
