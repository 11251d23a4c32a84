// Tensors by name: what state_dict() gives and takes, and what files of weights hold.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "cairn/tensor/tensor.h"

namespace cairn {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

}  // namespace cairn
