// The passes of compile() over convolutions and what follows them; they run before layouts are
// chosen.
#pragma once
#include "cairn/graph/graph.h"

namespace cairn {

// Folds scales of channels into weights that the step does not change (batch normalisation in
// evaluation mode). Rounds differently.
Graph fold(const Graph& graph);

// Convolution, bias, residual and relu in one node where the back end has it. Exact but for the
// rounding of sums.
Graph fuse_epilogues(const Graph& graph, const Backend& backend);

}  // namespace cairn
