// Losses, with PyTorch's names and defaults (mean over the batch).
//
// Operands of as many dimensions broadcast, and single numbers do. [N] beside [N, 1] is an error,
// not [N, N].
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

enum class Reduction { mean, sum, none, batchmean };  // batchmean: kl_div's sum over x's size(0)

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
// A weight is of x's shape and multiplies the terms; the mean of mse_loss and l1_loss is then their
// sum over that of the weights, huber_loss's is over the count, as in PyTorch.
Tensor mse_loss(In x, const Tensor& target, Reduction reduction = Reduction::mean,
                const Tensor& weight = {});
Tensor l1_loss(In x, const Tensor& target, Reduction reduction = Reduction::mean,
               const Tensor& weight = {});
// Quadratic within delta of the target, linear beyond: huber is delta times smooth_l1 with beta =
// delta.
Tensor huber_loss(In x, const Tensor& target, double delta = 1,
                  Reduction reduction = Reduction::mean, const Tensor& weight = {});
Tensor smooth_l1_loss(In x, const Tensor& target, double beta = 1,
                      Reduction reduction = Reduction::mean);
struct BceOptions {
  Tensor weight = {};      // multiplies the terms; broadcasts to them
  Tensor pos_weight = {};  // of logits only: what a target of 1 counts; broadcasts ([classes])
  Reduction reduction = Reduction::mean;
};
Tensor binary_cross_entropy(In probability, const Tensor& target,
                            Reduction reduction = Reduction::mean);
Tensor binary_cross_entropy(In probability, const Tensor& target, const BceOptions& options);
// sum t (log t - x) for x = log q; log_target: the target is log t. batchmean is the mathematical
// mean.
Tensor kl_div(In log_q, const Tensor& target, Reduction reduction = Reduction::mean,
              bool log_target = false);
// 1 - cos(a, b) where target is 1, max(0, cos(a, b) - margin) where it is -1. a, b [N, D], target
// [N].
Tensor cosine_embedding_loss(In a, const Tensor& b, const Tensor& target, double margin = 0,
                             Reduction reduction = Reduction::mean);
// max(0, |a - p| - |a - n| + margin) over the last axis.
Tensor triplet_margin_loss(In anchor, const Tensor& positive, const Tensor& negative,
                           double margin = 1, double p = 2, Reduction reduction = Reduction::mean);
struct TripletOptions {
  double margin = 1, p = 2, eps = 1e-6;
  bool swap = false;  // the negative is held against the nearer of anchor and positive
  Reduction reduction = Reduction::mean;
};
Tensor triplet_margin_loss(In anchor, const Tensor& positive, const Tensor& negative,
                           const TripletOptions& options);
Tensor margin_ranking_loss(In a, const Tensor& b, const Tensor& target, double margin = 0,
                           Reduction reduction = Reduction::mean);
Tensor hinge_embedding_loss(In x, const Tensor& target, double margin = 1,
                            Reduction reduction = Reduction::mean);
Tensor soft_margin_loss(In x, const Tensor& target, Reduction reduction = Reduction::mean);
// 1/2 (log var + (x - target)^2 / var), var at least eps; the variance is of x's shape, of x's
// without its last dimension (one a row), or broadcasts. full: plus log(2 pi) / 2.
Tensor gaussian_nll_loss(In x, const Tensor& target, const Tensor& variance, double eps = 1e-6,
                         Reduction reduction = Reduction::mean, bool full = false);
Tensor poisson_nll_loss(In log_rate, const Tensor& target, Reduction reduction = Reduction::mean);
struct PoissonOptions {
  bool log_input = true;  // else x is the rate: x - target log(x + eps)
  bool full = false;      // plus Stirling's log of target!, where the target is above 1
  double eps = 1e-8;
  Reduction reduction = Reduction::mean;
};
Tensor poisson_nll_loss(In x, const Tensor& target, const PoissonOptions& options);
Tensor binary_cross_entropy_with_logits(In logits, const Tensor& target,
                                        Reduction reduction = Reduction::mean);
Tensor binary_cross_entropy_with_logits(In logits, const Tensor& target, const BceOptions& options);
// The mean over the classes of the binary losses; x and target [N, ..., C], weight [C].
Tensor multilabel_soft_margin_loss(In x, const Tensor& target, const Tensor& weight = {},
                                   Reduction reduction = Reduction::mean);
struct MultiMarginOptions {
  int64_t p = 1;  // or 2
  double margin = 1;
  Tensor weight = {};  // [C]
  Reduction reduction = Reduction::mean;
};
// sum over the other classes i of max(0, margin - x_target + x_i)^p, over C; x [N, C], target [N].
Tensor multi_margin_loss(In x, const Tensor& target, const MultiMarginOptions& options = {});

}  // namespace cairn
