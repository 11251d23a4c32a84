// Activations under the names that a config.json has for them.
#pragma once
#include <string>

#include "cairn/tensor/tensor.h"

namespace cairn::pretrained {

using Activation = Tensor (*)(const Tensor& x);
// Throws Error that begins with `where` and names those known.
Activation activation_named(const std::string& name, const std::string& where);

}  // namespace cairn::pretrained
