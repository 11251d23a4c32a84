// Runs the nodes of a graph again, as ops: on values, or into another trace.
#pragma once
#include <vector>

#include "cairn/graph/graph.h"

namespace cairn::quantize {

// One node on its inputs; `outputs` is resized.
void replay(const Node& node, const Tensors& inputs, Tensors& outputs);

// Values of a graph that depend on no argument, computed when asked for and kept.
class Constants {
 public:
  explicit Constants(const Graph& graph) : graph_(graph), known_(graph.values.size()) {}
  Tensor of(ValueId v);

 private:
  const Graph& graph_;
  std::vector<Tensor> known_;
};

}  // namespace cairn::quantize
