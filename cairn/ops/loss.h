// Losses, with PyTorch's names and defaults (mean over the batch).
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

enum class Reduction { mean, sum, none };

struct CrossEntropyOptions {
  Tensor weight = {};  // [classes], or undefined
  int64_t ignore_index = -100;
  double label_smoothing = 0;
  Reduction reduction = Reduction::mean;
};
// logits [N, C, ...] (or [N, C]), target class indices [N, ...], i64 or i32.
Tensor cross_entropy(In logits, const Tensor& target, const CrossEntropyOptions& options = {});
// log_probs [N, C, ...] (of log_softmax); the same options but smoothing.
Tensor nll_loss(In log_probs, const Tensor& target, const CrossEntropyOptions& options = {});
Tensor mse_loss(In x, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor l1_loss(In x, const Tensor& target, Reduction reduction = Reduction::mean);
// Quadratic within delta of the target, linear beyond: huber is delta times smooth_l1 with beta =
// delta.
Tensor huber_loss(In x, const Tensor& target, double delta = 1,
                  Reduction reduction = Reduction::mean);
Tensor smooth_l1_loss(In x, const Tensor& target, double beta = 1,
                      Reduction reduction = Reduction::mean);
Tensor binary_cross_entropy(In probability, const Tensor& target,
                            Reduction reduction = Reduction::mean);
// sum t (log t - x) for x = log q; log_target: the target is log t. Divide by the batch for the
// mathematical mean.
Tensor kl_div(In log_q, const Tensor& target, Reduction reduction = Reduction::mean,
              bool log_target = false);
// 1 - cos(a, b) where target is 1, max(0, cos(a, b) - margin) where it is -1. a, b [N, D], target
// [N].
Tensor cosine_embedding_loss(In a, const Tensor& b, const Tensor& target, double margin = 0,
                             Reduction reduction = Reduction::mean);
// max(0, |a - p| - |a - n| + margin) over the last axis.
Tensor triplet_margin_loss(In anchor, const Tensor& positive, const Tensor& negative,
                           double margin = 1, double p = 2, Reduction reduction = Reduction::mean);
Tensor margin_ranking_loss(In a, const Tensor& b, const Tensor& target, double margin = 0,
                           Reduction reduction = Reduction::mean);
Tensor hinge_embedding_loss(In x, const Tensor& target, double margin = 1,
                            Reduction reduction = Reduction::mean);
Tensor soft_margin_loss(In x, const Tensor& target, Reduction reduction = Reduction::mean);
// 1/2 (log var + (x - target)^2 / var), var at least eps; the variance is of x's shape, of x's
// without its last dimension (one a row), or broadcasts.
Tensor gaussian_nll_loss(In x, const Tensor& target, const Tensor& variance, double eps = 1e-6,
                         Reduction reduction = Reduction::mean);
Tensor poisson_nll_loss(In log_rate, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor binary_cross_entropy_with_logits(In logits, const Tensor& target,
                                        Reduction reduction = Reduction::mean);

}  // namespace cairn
