#include "cairn/graph/graph.h"

#include <algorithm>

namespace cairn {

ValueId Graph::add_value(const TensorDesc& desc, int32_t producer) {
  values.push_back({desc, producer});
  return static_cast<ValueId>(values.size() - 1);
}

void Graph::append(Node node) {
  for (ValueId v : node.outputs) values[v].producer = static_cast<int32_t>(nodes.size());
  nodes.push_back(std::move(node));
}

OpCall Graph::call_of(const Node& node) {
  OpCall call{node.op, &node.attrs, {}, {}, node.region.get()};
  for (ValueId v : node.inputs) call.inputs.push_back(&values[v].desc);
  for (ValueId v : node.outputs) call.outputs.push_back(&values[v].desc);
  return call;
}

std::vector<ValueId> Graph::results() const {
  std::vector<ValueId> all = outputs;
  for (const Assignment& a : assignments) all.push_back(a.value);
  for (const Gradient& g : gradients)
    if (g.value >= 0) all.push_back(g.value);
  return all;
}

std::vector<int> Graph::use_counts() const {
  std::vector<int> uses(values.size(), 0);
  for (const Node& node : nodes)
    for (ValueId v : node.inputs) ++uses[v];
  for (ValueId v : results()) ++uses[v];
  return uses;
}

namespace {
void infer_region(OpCall& call) {
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    const RegionStep& step = call.region->steps[call.region->outputs[i]];
    call.set(static_cast<int>(i), step.dtype, step.shape);
  }
}
}  // namespace

const OpDef& region_op() {
  static const OpDef op = {"region", "a fused elementwise region", -1, -1, infer_region, 0,
                           nullptr,  "made after differentiation"};
  return op;
}

void verify(const Graph& graph, const char* pass) {
  std::vector<char> written(graph.values.size(), 0);
  for (const GraphInput& in : graph.inputs) written[in.value] = 1;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    for (ValueId v : node.inputs)
      check(v >= 0 && v < static_cast<ValueId>(graph.values.size()) && written[v],
            "after pass {}: node {} ({}) reads value {} before it is written", pass, i,
            node.op->name, v);
    for (ValueId v : node.outputs) {
      check(!written[v]++, "after pass {}: value {} is written twice, by node {} ({})", pass, v, i,
            node.op->name);
      check(graph.values[v].producer == static_cast<int32_t>(i),
            "after pass {}: value {} names another producer than node {}", pass, v, i);
    }
    std::vector<TensorDesc> inferred(node.outputs.size());
    OpCall call{node.op, &node.attrs, {}, {}, node.region.get()};
    for (ValueId v : node.inputs)
      call.inputs.push_back(const_cast<TensorDesc*>(&graph.values[v].desc));
    for (TensorDesc& d : inferred) call.outputs.push_back(&d);
    node.op->infer(call);
    for (size_t o = 0; o < inferred.size(); ++o)
      check(inferred[o].shape == graph.desc(node.outputs[o]).shape &&
                inferred[o].dtype == graph.desc(node.outputs[o]).dtype,
            "after pass {}: node {} ({}) gives {}, not {}", pass, i, node.op->name,
            to_string(inferred[o]), to_string(graph.desc(node.outputs[o])));
  }
  for (ValueId v : graph.results())
    check(written[v], "after pass {}: result {} is never written", pass, v);
}

namespace {
std::string describe(const Graph& g, const Node& node) {
  std::string text;
  for (size_t i = 0; i < node.outputs.size(); ++i)
    text += fmt::format("{}%{}: {}", i ? ", " : "", node.outputs[i],
                        to_string(g.desc(node.outputs[i])));
  text += fmt::format(" = {}(", node.op->name);
  for (size_t i = 0; i < node.inputs.size(); ++i)
    text += fmt::format("{}%{}", i ? ", " : "", node.inputs[i]);
  text += ")";
  if (!node.attrs.empty()) text += " {" + to_string(node.attrs) + "}";
  if (node.region) {
    text += fmt::format(" over {} row {}:", to_string(node.region->domain), node.region->row_rank);
    for (size_t s = 0; s < node.region->steps.size(); ++s) {
      const RegionStep& step = node.region->steps[s];
      text += fmt::format("\n      r{} = {}", s, step.op->name);
      for (int32_t a : step.args)
        text += a < 0 ? fmt::format(" in{}", -1 - a) : fmt::format(" r{}", a);
      if (!step.attrs.empty()) text += " {" + to_string(step.attrs) + "}";
      text += " " + to_string(step.shape);
      for (size_t o = 0; o < node.region->outputs.size(); ++o)
        if (node.region->outputs[o] == static_cast<int32_t>(s))
          text += fmt::format(" -> %{}", node.outputs[o]);
    }
  }
  if (!node.path.empty()) text += "  # " + node.path;
  return text;
}
const char* kind_name(InputKind kind) {
  switch (kind) {
    case InputKind::argument: return "argument";
    case InputKind::captured: return "captured";
    case InputKind::constant: return "constant";
    case InputKind::state: return "state";
    case InputKind::gradient: return "gradient";
    case InputKind::generator: return "generator";
  }
  return "";
}
}  // namespace

std::string to_text(const Graph& graph) {
  std::string text;
  for (const GraphInput& in : graph.inputs)
    text += fmt::format("%{}: {} = {}\n", in.value, to_string(graph.desc(in.value)),
                        kind_name(in.kind));
  for (const Node& node : graph.nodes) text += describe(graph, node) + "\n";
  text += "return";
  for (ValueId v : graph.outputs) text += fmt::format(" %{}", v);
  text += "\n";
  for (const Assignment& a : graph.assignments) {
    ValueId input = -1;
    for (const GraphInput& in : graph.inputs)
      if (in.reads(a.state)) input = in.value;
    text += fmt::format("assign %{} to the state of %{}\n", a.value, input);
  }
  for (const Gradient& g : graph.gradients)
    text += g.value < 0 ? "no gradient any more\n" : fmt::format("gradient %{}\n", g.value);
  return text;
}

std::string to_dot(const Graph& graph) {
  std::string text = "digraph step {\n  node [shape=box, fontname=\"monospace\", fontsize=9];\n";
  auto source = [&](ValueId v) {
    return graph.values[v].producer >= 0 ? fmt::format("n{}", graph.values[v].producer)
                                         : fmt::format("v{}", v);
  };
  for (const GraphInput& in : graph.inputs)
    text += fmt::format("  v{} [label=\"{} {}\", style=filled, fillcolor=lightblue];\n", in.value,
                        kind_name(in.kind), to_string(graph.desc(in.value)));
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    std::string label = node.op->name;
    if (node.region)
      for (const RegionStep& step : node.region->steps) label += std::string("\\l") + step.op->name;
    if (!node.outputs.empty()) label += "\\n" + to_string(graph.desc(node.outputs[0]));
    text += fmt::format("  n{} [label=\"{}\"];\n", i, label);
    for (ValueId v : node.inputs) text += fmt::format("  {} -> n{};\n", source(v), i);
  }
  for (ValueId v : graph.outputs) text += fmt::format("  {} -> out;\n", source(v));
  return text + "}\n";
}

Rewriter::Rewriter(const Graph& old) : old_(old), map_(old.values.size(), -1) {
  for (const GraphInput& in : old.inputs) {
    GraphInput copy = in;
    copy.value = graph_.add_value(old.desc(in.value));
    map_[in.value] = copy.value;
    graph_.inputs.push_back(copy);
  }
  graph_.random_ops = old.random_ops;
}

void Rewriter::copy(const Node& node) {
  Node n = node;
  for (ValueId& v : n.inputs) v = map_[v];
  for (ValueId& v : n.outputs) {
    const ValueId fresh = graph_.add_value(old_.desc(v));
    map_[v] = fresh;
    v = fresh;
  }
  graph_.append(std::move(n));
}

ValueId Rewriter::add(const Node& like, const OpDef& op, const Attrs& attrs,
                      const ValueList& inputs, const TensorDesc& out) {
  Node n;
  n.op = &op, n.attrs = attrs, n.inputs = inputs, n.path = like.path, n.loc = like.loc,
  n.recompute = like.recompute;
  const ValueId v = graph_.add_value(out);
  n.outputs = {v};
  graph_.append(std::move(n));
  return v;
}

Graph Rewriter::finish() {
  for (ValueId v : old_.outputs) graph_.outputs.push_back(map_[v]);
  for (const Assignment& a : old_.assignments)
    graph_.assignments.push_back({a.state, map_[a.value]});
  for (Gradient g : old_.gradients) {
    if (g.value >= 0) g.value = map_[g.value];
    graph_.gradients.push_back(g);
  }
  return std::move(graph_);
}

}  // namespace cairn
