// A linear layer and the cross-entropy of its result in one op, for large vocabularies.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

struct LinearCrossEntropyOptions {
  int64_t ignore_index = -100;  // rows with this target do not count
  double label_smoothing = 0;
};
// cross_entropy(linear(hidden, weight, bias), target), the mean over the rows that count: hidden
// [..., D], weight [V, D], bias [V] or undefined, target [...] integers. Where the back end has the
// kernel, the logits and their gradient exist only for a block of rows at a time, and gradients are
// made in the same pass.
Tensor linear_cross_entropy(In hidden, const Tensor& weight, const Tensor& bias,
                            const Tensor& target, const LinearCrossEntropyOptions& options = {});

}  // namespace cairn
