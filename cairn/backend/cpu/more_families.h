// Kernel families for ops that keep a step small: see families.h.
#pragma once
#include "cairn/backend/cpu/families.h"

namespace cairn::cpu {

Family dynamic_slice_family();  // dynamic_slice_family.cpp: ranges whose start is a tensor
Family linear_int8_family();    // linear_int8_family.cpp: 8-bit weights
Family linear_xent_family();    // linear_xent_family.cpp: a linear layer and its cross-entropy

}  // namespace cairn::cpu
