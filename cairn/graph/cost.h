// What a graph costs, from shapes alone.
#pragma once
#include <functional>

#include "cairn/graph/graph.h"

namespace cairn {

// Multiply-adds of one call: products of matrices, convolutions and their gradients, recurrent
// layers, attention. Everything else counts 0.
double multiply_adds(const OpCall& call);
double multiply_adds(const Graph& graph);

// Traces `body` without running it: nothing is computed and no State changes.
Graph trace_graph(const std::function<void()>& body);

}  // namespace cairn
