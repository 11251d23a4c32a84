// The pass of compile() over losses; it runs first, on what was traced.
#pragma once
#include "cairn/graph/graph.h"

namespace cairn {

// A linear layer, its cross-entropy over a large vocabulary and both their gradients become one
// node, where the back end has it: full logits are never stored. Rounds differently.
Graph fuse_linear_losses(const Graph& graph, const Backend& backend);

}  // namespace cairn
