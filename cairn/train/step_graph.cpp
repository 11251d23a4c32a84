#include "cairn/train/step_graph.h"

#include <algorithm>
#include <map>

namespace cairn::train {
namespace {

// What a value is of: its name in the picture.
using Names = std::map<ValueId, std::string>;

std::string in_boxes(std::string dotted) {
  std::replace(dotted.begin(), dotted.end(), '.', '/');
  return dotted;
}

std::vector<int64_t> sizes_of(const Shape& shape) { return {shape.begin(), shape.end()}; }

// Which nodes are needed for a value.
std::vector<bool> needed_for(const Graph& graph, ValueId result) {
  std::vector<bool> needed(graph.nodes.size(), false);
  std::vector<ValueId> open = {result};
  while (!open.empty()) {
    const int32_t producer = graph.values[static_cast<size_t>(open.back())].producer;
    open.pop_back();
    if (producer < 0 || needed[static_cast<size_t>(producer)]) continue;
    needed[static_cast<size_t>(producer)] = true;
    for (ValueId in : graph.nodes[static_cast<size_t>(producer)].inputs) open.push_back(in);
  }
  return needed;
}

std::string name_of(const GraphInput& input, const NamedTensors& states) {
  for (const auto& [name, tensor] : states)
    if (input.tensor.get() == tensor.impl()) return in_boxes(name);
  if (input.kind == InputKind::argument) return fmt::format("batch/{}", input.argument);
  return fmt::format("other/{}", input.value);
}

}  // namespace

std::vector<io::GraphOp> ops_to_first_result(const Graph& step, const NamedTensors& states) {
  if (step.outputs.empty()) return {};
  const std::vector<bool> needed = needed_for(step, step.outputs[0]);
  std::vector<bool> read(step.values.size(), false);
  for (size_t n = 0; n < step.nodes.size(); ++n)
    if (needed[n])
      for (ValueId in : step.nodes[n].inputs) read[static_cast<size_t>(in)] = true;
  std::vector<io::GraphOp> ops;
  Names names;
  for (const GraphInput& input : step.inputs) {
    if (!read[static_cast<size_t>(input.value)]) continue;
    names[input.value] = name_of(input, states);
    ops.push_back({names[input.value],
                   input.kind == InputKind::argument ? "input" : "state",
                   {},
                   {sizes_of(step.desc(input.value).shape)}});
  }
  for (size_t n = 0; n < step.nodes.size(); ++n) {
    const Node& node = step.nodes[n];
    if (!needed[n]) continue;
    const std::string box = node.path.empty() ? "loss" : in_boxes(node.path);
    io::GraphOp op{fmt::format("{}/{}_{}", box, node.op->name, n), node.op->name, {}, {}};
    for (ValueId in : node.inputs) op.inputs.push_back(names.at(in));
    for (ValueId out : node.outputs) {
      names[out] = op.name;
      op.results.push_back(sizes_of(step.desc(out).shape));
    }
    ops.push_back(std::move(op));
  }
  return ops;
}

}  // namespace cairn::train
