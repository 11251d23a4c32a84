// Connectionist temporal classification (Graves et al., ICML 2006).
#pragma once
#include "cairn/ops/loss.h"

namespace cairn {

struct CtcOptions {
  int64_t blank = 0;
  Reduction reduction =
      Reduction::mean;         // mean: each loss over its target's length, then over the batch
  bool zero_infinity = false;  // a target that fits no alignment counts 0 instead of infinity
};
// log_probs [T, N, C] (of log_softmax), targets [N, S] class indices, input_lengths and
// target_lengths [N], all integers. Entries of a target past its length are not read. An infinite
// loss has no useful gradient (NaN or 0).
Tensor ctc_loss(In log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcOptions& options = {});

}  // namespace cairn
