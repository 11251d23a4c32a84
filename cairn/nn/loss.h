// The losses as layers: what their constructor takes are the options of the function.
#pragma once
#include <utility>

#include "cairn/nn/module.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {

// Of a function loss(x, target, reduction).
template <Tensor (*kLoss)(In x, const Tensor& target, Reduction reduction)>
class PlainLoss : public Module {
 public:
  explicit PlainLoss(Reduction reduction = Reduction::mean) : reduction_(reduction) {}
  Tensor forward(Tensor x, Tensor target) override { return kLoss(x, target, reduction_); }

 private:
  Reduction reduction_;
};
using SoftMarginLoss = PlainLoss<soft_margin_loss>;

// Of a function loss(x, target, options); tensors among the options are kept as they are.
template <class Options, Tensor (*kLoss)(In x, const Tensor& target, const Options& options)>
class OptionsLoss : public Module {
 public:
  explicit OptionsLoss(Options options = {}) : options_(std::move(options)) {}
  Tensor forward(Tensor x, Tensor target) override { return kLoss(x, target, options_); }

 private:
  Options options_;
};
using CrossEntropyLoss = OptionsLoss<CrossEntropyOptions, cross_entropy>;
using NLLLoss = OptionsLoss<CrossEntropyOptions, nll_loss>;
using BCELoss = OptionsLoss<BceOptions, binary_cross_entropy>;
using BCEWithLogitsLoss = OptionsLoss<BceOptions, binary_cross_entropy_with_logits>;
using PoissonNLLLoss = OptionsLoss<PoissonOptions, poisson_nll_loss>;
using MultiMarginLoss = OptionsLoss<MultiMarginOptions, multi_margin_loss>;

class MSELoss : public Module {
 public:
  explicit MSELoss(Reduction reduction = Reduction::mean) : reduction_(reduction) {}
  Tensor forward(Tensor x, Tensor target) override { return mse_loss(x, target, reduction_); }

 private:
  Reduction reduction_;
};
class L1Loss : public Module {
 public:
  explicit L1Loss(Reduction reduction = Reduction::mean) : reduction_(reduction) {}
  Tensor forward(Tensor x, Tensor target) override { return l1_loss(x, target, reduction_); }

 private:
  Reduction reduction_;
};
class HuberLoss : public Module {
 public:
  explicit HuberLoss(double delta = 1, Reduction reduction = Reduction::mean)
      : delta_(delta), reduction_(reduction) {}
  Tensor forward(Tensor x, Tensor target) override {
    return huber_loss(x, target, delta_, reduction_);
  }

 private:
  double delta_;
  Reduction reduction_;
};
class SmoothL1Loss : public Module {
 public:
  explicit SmoothL1Loss(double beta = 1, Reduction reduction = Reduction::mean)
      : beta_(beta), reduction_(reduction) {}
  Tensor forward(Tensor x, Tensor target) override {
    return smooth_l1_loss(x, target, beta_, reduction_);
  }

 private:
  double beta_;
  Reduction reduction_;
};
class KLDivLoss : public Module {
 public:
  explicit KLDivLoss(Reduction reduction = Reduction::mean, bool log_target = false)
      : reduction_(reduction), log_target_(log_target) {}
  Tensor forward(Tensor log_q, Tensor target) override {
    return kl_div(log_q, target, reduction_, log_target_);
  }

 private:
  Reduction reduction_;
  bool log_target_;
};
class GaussianNLLLoss : public Module {
 public:
  explicit GaussianNLLLoss(double eps = 1e-6, Reduction reduction = Reduction::mean,
                           bool full = false)
      : eps_(eps), reduction_(reduction), full_(full) {}
  Tensor forward(Tensor x, Tensor target, Tensor variance) override {
    return gaussian_nll_loss(x, target, variance, eps_, reduction_, full_);
  }

 private:
  double eps_;
  Reduction reduction_;
  bool full_;
};
class HingeEmbeddingLoss : public Module {
 public:
  explicit HingeEmbeddingLoss(double margin = 1, Reduction reduction = Reduction::mean)
      : margin_(margin), reduction_(reduction) {}
  Tensor forward(Tensor x, Tensor target) override {
    return hinge_embedding_loss(x, target, margin_, reduction_);
  }

 private:
  double margin_;
  Reduction reduction_;
};
class MarginRankingLoss : public Module {
 public:
  explicit MarginRankingLoss(double margin = 0, Reduction reduction = Reduction::mean)
      : margin_(margin), reduction_(reduction) {}
  Tensor forward(Tensor a, Tensor b, Tensor target) override {
    return margin_ranking_loss(a, b, target, margin_, reduction_);
  }

 private:
  double margin_;
  Reduction reduction_;
};
class CosineEmbeddingLoss : public Module {
 public:
  explicit CosineEmbeddingLoss(double margin = 0, Reduction reduction = Reduction::mean)
      : margin_(margin), reduction_(reduction) {}
  Tensor forward(Tensor a, Tensor b, Tensor target) override {
    return cosine_embedding_loss(a, b, target, margin_, reduction_);
  }

 private:
  double margin_;
  Reduction reduction_;
};
class TripletMarginLoss : public Module {
 public:
  explicit TripletMarginLoss(const TripletOptions& options = {}) : options_(options) {}
  Tensor forward(Tensor anchor, Tensor positive, Tensor negative) override {
    return triplet_margin_loss(anchor, positive, negative, options_);
  }

 private:
  TripletOptions options_;
};
class MultiLabelSoftMarginLoss : public Module {
 public:
  explicit MultiLabelSoftMarginLoss(Tensor weight = {}, Reduction reduction = Reduction::mean)
      : weight_(std::move(weight)), reduction_(reduction) {}
  Tensor forward(Tensor x, Tensor target) override {
    return multilabel_soft_margin_loss(x, target, weight_, reduction_);
  }

 private:
  Tensor weight_;
  Reduction reduction_;
};

}  // namespace cairn::nn
