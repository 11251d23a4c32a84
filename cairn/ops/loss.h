// Losses, with PyTorch's names and defaults (mean over the batch).
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

enum class Reduction { mean, sum, none };

struct CrossEntropyOptions {
  Tensor weight = {};          // [classes], or undefined
  int64_t ignore_index = -100;
  double label_smoothing = 0;
  Reduction reduction = Reduction::mean;
};
// logits [N, C, ...] (or [N, C]), target class indices [N, ...], i64 or i32.
Tensor cross_entropy(In logits, const Tensor& target, const CrossEntropyOptions& options = {});
Tensor mse_loss(In x, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor l1_loss(In x, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor binary_cross_entropy_with_logits(In logits, const Tensor& target, Reduction reduction = Reduction::mean);

}  // namespace cairn
