// Rewrites of a program before it is cut into passes (internal).
#pragma once
#include <vector>

#include "cairn/backend/cpu/region/region.h"

namespace cairn::cpu {

// Throws Error when the program is malformed.
void validate(const RegionProgram& program);

// The same program in simpler terms: no dims of size 1, no padding (it becomes a last input, the
// mask of true channels, and `where` before every store and reduction), no reduce_store without
// reduced dims, and, where allowed, fma for mul + add. `mask` gets the mask's values.
RegionProgram lowered(RegionProgram program, std::vector<float>& mask);

// Whether dim d of a reduce_store's output is reduced.
inline bool is_reduced(const RegionOperand& output, int d) { return output.strides[d] == 0; }

int register_count(const RegionProgram& program);

}  // namespace cairn::cpu
