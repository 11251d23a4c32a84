// Rows of the op table that are linear layers with more to them; see families.h.
#pragma once
#include <span>

#include "cairn/ops/op.h"

namespace cairn {

std::span<const OpDef> linear_cross_entropy_ops();
std::span<const OpDef> quantize_ops();
std::span<const OpDef> qlinear_ops();

}  // namespace cairn
