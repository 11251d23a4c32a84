// The reference back end: host memory and plain loops in double, the oracle of the tests.
#pragma once
#include <memory>

#include "cairn/device/backend.h"

namespace cairn::reference {

// Whether compile() may fuse for this back end; off at the start, so that a compiled step is op for
// op the eager one. Fused or not, the results are the same bits.
void set_fusion(bool on);

// The plan of a fused node (op "region"), whose steps are made ready by `prepare`.
using Prepare = std::unique_ptr<Plan> (*)(const OpCall& call);
std::unique_ptr<Plan> prepare_region(const OpCall& call, Prepare prepare);

}  // namespace cairn::reference
