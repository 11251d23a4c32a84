// Linear layer and cross-entropy in one, for large vocabularies: the logits hidden W' + bias exist
// only for a block of rows at a time. f32.
//   loss[m] = (1 - s) * (lse[m] - logit[m, target]) + s * (lse[m] - mean of logits[m, :])   (s:
//   label smoothing)
// as PyTorch's cross_entropy(..., reduction="none"); rows whose target is `ignore_index` have loss
// 0 and no gradient.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cairn::cpu {

struct LinearXentPlan {
  int64_t rows = 0, dim = 0, vocabulary = 0;
  float label_smoothing = 0;
  int64_t ignore_index = -100;
  int64_t row_block = 0;  // rows whose logits exist at a time
  size_t workspace = 0;   // bytes
};

// Throws Error for sizes or a smoothing that make no sense.
LinearXentPlan plan_linear_xent(int64_t rows, int64_t dim, int64_t vocabulary,
                                float label_smoothing = 0, int64_t ignore_index = -100);

struct LinearXentInputs {
  const float* hidden = nullptr;     // [rows, dim]
  const float* weight = nullptr;     // [vocabulary, dim]
  const float* bias = nullptr;       // [vocabulary] or null
  const int64_t* targets = nullptr;  // [rows]
};

// Gradients of sum(dloss[m] * loss[m]) are written; null pointers: not wanted.
struct LinearXentGradients {
  float *dhidden = nullptr, *dweight = nullptr, *dbias = nullptr;
};

// Rows that are not ignored; 1 / count is the dloss of a mean.
int64_t count_targets(const LinearXentPlan& plan, const int64_t* targets);

// The first row whose target is neither in the vocabulary nor ignored, or -1. The functions below
// return it too, having written nothing.
int64_t first_bad_target(const LinearXentPlan& plan, const int64_t* targets);

// loss and lse [rows] (lse nullable).
int64_t linear_xent_forward(const LinearXentPlan& plan, const LinearXentInputs& in, float* loss,
                            float* lse, void* workspace);

// Loss and gradients in one pass, without recomputing the logits: for training, where the upstream
// gradient is the same known number for every row (`dloss`, for a mean 1 / count_targets, times a
// loss scale). 3 products.
int64_t linear_xent_forward_backward(const LinearXentPlan& plan, const LinearXentInputs& in,
                                     float dloss, float* loss, float* lse,
                                     const LinearXentGradients& grad, void* workspace);

// Gradients for any dloss [rows], from the lse of forward; computes the logits again. 4 products
// with forward's.
int64_t linear_xent_backward(const LinearXentPlan& plan, const LinearXentInputs& in,
                             const float* lse, const float* dloss, const LinearXentGradients& grad,
                             void* workspace);

}  // namespace cairn::cpu
