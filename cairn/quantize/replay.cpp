#include "cairn/quantize/replay.h"

#include "cairn/ops/context.h"

namespace cairn::quantize {

void replay(const Node& node, const Tensors& inputs, Tensors& outputs) {
  outputs.assign(node.outputs.size(), Tensor());
  Context& here = context();
  here.path.push_back({node.path, node.loc});
  try {
    apply(*node.op, inputs, node.attrs, outputs, node.loc);
  } catch (...) {
    here.path.pop_back();
    throw;
  }
  here.path.pop_back();
}

Tensor Constants::of(ValueId v) {
  if (known_[v].defined()) return known_[v];
  for (const GraphInput& in : graph_.inputs)
    if (in.value == v) {
      check(in.kind != InputKind::argument, "quantize: a weight depends on the network's input");
      return known_[v] = Tensor(in.tensor);
    }
  const Node& node = graph_.nodes[graph_.values[v].producer];
  Tensors inputs, outputs;
  for (ValueId i : node.inputs) inputs.push_back(of(i));
  replay(node, inputs, outputs);
  for (size_t o = 0; o < outputs.size(); ++o) known_[node.outputs[o]] = outputs[o];
  return known_[v];
}

}  // namespace cairn::quantize
