// What of a network's inference can be done in 8 bits: its graph, and in it the layers with all
// that follows them.
#pragma once
#include <string>
#include <vector>

#include "cairn/graph/graph.h"
#include "cairn/nn/module.h"

namespace cairn::quantize {

// The network in evaluation mode on an input of this shape: traced, simplified, normalisations
// folded into weights.
Graph inference_graph(const nn::Module& network, const TensorDesc& input);

// An 8-bit step and the nodes that it replaces.
struct Layer {
  enum Kind { conv, linear, max_pool, mean, add, cat } kind;
  std::string name;       // conv, linear: the module's path, "features.0"; the others have none
  int node;               // the op that it is made of
  ValueId x, other = -1;  // `other`: a residual, or the second summand
  ValueList parts = {};   // cat
  ValueId weight = -1, bias = -1;  // computed from States alone
  bool relu = false;
  ValueId out = -1;     // the last value of the chain
  bool floats = false;  // conv, linear: the result is f32, since nobody wants 8 bits
};

// A graph with the layers that are done in 8 bits. Nodes that belong to none stay f32.
struct Plan8 {
  Graph graph;
  std::vector<Layer> layers;
  std::vector<int> layer_of;       // by value: the layer that gives it, or -1
  std::vector<ValueId> root;       // by value: what it is another shape of, rows kept; else itself
  std::vector<char> eight;         // by value: wanted in 8 bits
  std::vector<ValueId> params_of;  // by value: whose scale and zero point it has
  std::vector<std::string>
      names;                      // by value: the same for any batch size; "" where it has no scale
  std::vector<std::string> kept;  // layers with weights that stay f32, and why
};
Plan8 plan_8bit(Graph graph);

}  // namespace cairn::quantize
