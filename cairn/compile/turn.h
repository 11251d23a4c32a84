#pragma once
#include "cairn/graph/graph.h"

namespace cairn {

// (x^T g)^T becomes g^T x. Kernels may round differently.
Graph turn_products(const Graph& graph);

}  // namespace cairn
