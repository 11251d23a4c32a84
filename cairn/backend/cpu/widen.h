// Narrow floats (bf16, f16) on processors that do not compute with them: the call in f32, with the
// operands converted in the workspace.
#pragma once
#include <memory>

#include "cairn/backend/cpu/families.h"

namespace cairn::cpu {

inline bool is_narrow(DType t) { return t == DType::bf16 || t == DType::f16; }
inline bool is_f32_or_narrow(DType t) { return t == DType::f32 || is_narrow(t); }

// A plan that widens every narrow operand, runs the plan that `prepare` makes for the f32 call, and
// rounds its results. nullptr when `prepare` gives none.
std::unique_ptr<Plan> widened(const OpCall& call, std::unique_ptr<Plan> (*prepare)(const OpCall&));

}  // namespace cairn::cpu
