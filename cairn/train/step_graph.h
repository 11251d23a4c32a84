// A step as TensorBoard draws it.
#pragma once
#include "cairn/graph/graph.h"
#include "cairn/io/tensorboard.h"
#include "cairn/nn/module.h"

namespace cairn::train {

// The ops that the first of the step's results is computed from: of a training step the way from
// the batch to the loss, without gradients and updates. Ops stand in boxes for the modules that
// call them, and so do the parameters (`states`), by their names.
std::vector<io::GraphOp> ops_to_first_result(const Graph& step, const NamedTensors& states);

}  // namespace cairn::train
