// Checking mode: what stopped a step, in terms of the ops that the user wrote.
#pragma once
#include "cairn/base/function_ref.h"
#include "cairn/graph/graph.h"

namespace cairn {

// Runs a traced step op by op, without assigning anything, and throws Error at the first op that
// meets a bad index or makes a value NaN or infinite: it names the op, its module path and source
// line. An infinity that the step was given or that it writes as a constant (a mask) is no fault as
// long as it stays one. Only what the step's own checks depend on is looked at. Returns when
// nothing is found. `read` gives what an input was.
void find_fault(const Graph& traced, FunctionRef<Tensor(const GraphInput&)> read);

}  // namespace cairn
