// Lengths of sequences that basic ops read, for back ends without a kernel of their own: those
// look at the numbers themselves.
#pragma once
#include "cairn/ops/context.h"

namespace cairn {

// The lengths, i32; the step stops where one is not in 0..most.
inline Tensor checked_lengths(const Tensor& lengths, int64_t most) {
  return apply(op_named("check_index"), {lengths},
               {{"low", int64_t{0}}, {"high", most + 1}, {"of", "lengths"}}, context().loc);
}

}  // namespace cairn
