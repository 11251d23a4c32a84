#include "cairn/compile/find_fault.h"

#include <cmath>

#include "cairn/dist/world.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

enum class Kind : uint8_t { finite, infinite, nan };
struct Look {
  Kind kind = Kind::finite;
  int64_t element = 0;
};

// The worst element, the first of its kind.
Look look_at(const Tensor& t) {
  Look look;
  if (!is_float(t.dtype())) return look;
  const std::vector<double> values = t.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) return {Kind::nan, static_cast<int64_t>(i)};
    if (std::isinf(values[i]) && look.kind == Kind::finite)
      look = {Kind::infinite, static_cast<int64_t>(i)};
  }
  return look;
}

// The nodes that something which can stop the step depends on, itself included.
std::vector<char> before_a_check(const Graph& graph) {
  std::vector<char> nodes(graph.nodes.size(), 0), wanted(graph.values.size(), 0);
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    nodes[i] = graph.nodes[i].op->is(kMayFault);
    for (ValueId v : graph.nodes[i].outputs) nodes[i] |= wanted[v];
    if (nodes[i])
      for (ValueId v : graph.nodes[i].inputs) wanted[v] = 1;
  }
  return nodes;
}

class Checker {
 public:
  explicit Checker(const Graph& graph)
      : graph_(graph), values_(graph.values.size()), infinite_(graph.values.size(), 0) {}

  void run(FunctionRef<Tensor(const GraphInput&)> read) {
    const NoGrad no_grad;
    const RecorderScope eager(nullptr);
    const dist::Searching alone;
    for (const GraphInput& in : graph_.inputs) look_at_input(in, read(in));
    const std::vector<char> chosen = before_a_check(graph_);
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      if (chosen[i]) visit(graph_.nodes[i]);
  }

 private:
  void look_at_input(const GraphInput& in, const Tensor& t) {
    values_[in.value] = t;
    const Look look = look_at(t);
    infinite_[in.value] = look.kind == Kind::infinite;
    if (look.kind != Kind::nan) return;
    if (in.kind == InputKind::argument)
      fail("argument {} of the step holds NaN (element {}); check the data", in.argument,
           look.element);
    const char* what = in.kind == InputKind::state      ? "State"
                       : in.kind == InputKind::gradient ? "gradient"
                                                        : "tensor";
    fail("a {} of {} that the step reads holds NaN (element {})", what, to_string(t.desc()),
         look.element);
  }

  void visit(const Node& node) {
    PathScope path(node);
    Tensors inputs, outputs(node.outputs.size());
    bool given = node.inputs.empty();
    for (ValueId v : node.inputs) inputs.push_back(values_[v]), given |= infinite_[v] != 0;
    apply(*node.op, inputs, node.attrs, outputs, node.loc);
    for (size_t o = 0; o < outputs.size(); ++o) {
      const Look look = look_at(outputs[o]);
      if (look.kind == Kind::nan || (look.kind == Kind::infinite && !given))
        fail("{}: gives {} (element {} of {}) from finite inputs{}", node.op->name,
             look.kind == Kind::nan ? "NaN" : "infinity", look.element,
             to_string(outputs[o].desc()), where(node.loc));
      infinite_[node.outputs[o]] = look.kind == Kind::infinite;
      values_[node.outputs[o]] = outputs[o];
    }
  }

  // The node's module path, for the messages of the ops themselves.
  struct PathScope {
    explicit PathScope(const Node& node) : saved(context().path) {
      context().path = {{node.path, node.loc}};
    }
    ~PathScope() { context().path = saved; }
    std::vector<PathEntry> saved;
  };

  const Graph& graph_;
  Tensors values_;
  std::vector<char> infinite_;  // values that hold an infinity which is no fault
};

}  // namespace

void find_fault(const Graph& traced, FunctionRef<Tensor(const GraphInput&)> read) {
  Checker(traced).run(read);
}

}  // namespace cairn
