// Normalisation layers.
#pragma once
#include <optional>

#include "cairn/nn/module.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {

struct BatchNormOptions {
  double eps = 1e-5;
  std::optional<double> momentum =
      0.1;                          // std::nullopt: running statistics are those of all batches
  bool affine = true;               // learned weight and bias [features]
  bool track_running_stats = true;  // else the batch's own statistics in evaluation too
  bool bias = true;                 // where affine
};
// Ioffe & Szegedy 2015: x [N, features, ...].
class BatchNormNd : public Module {
 public:
  Tensor forward(Tensor x) override;
  Param weight, bias, running_mean, running_var, num_batches_tracked;

 protected:
  BatchNormNd(const char* layer, int least_rank, int most_rank, int64_t features,
              const BatchNormOptions& options);

 private:
  const char* layer_;
  int least_rank_, most_rank_;
  int64_t features_;
  BatchNormOptions options_;
};
class BatchNorm1d : public BatchNormNd {  // [N, features] or [N, features, length]
 public:
  explicit BatchNorm1d(int64_t features, const BatchNormOptions& options = {})
      : BatchNormNd("BatchNorm1d", 2, 3, features, options) {}
};
class BatchNorm2d : public BatchNormNd {
 public:
  explicit BatchNorm2d(int64_t features, const BatchNormOptions& options = {})
      : BatchNormNd("BatchNorm2d", 4, 4, features, options) {}
};
class BatchNorm3d : public BatchNormNd {
 public:
  explicit BatchNorm3d(int64_t features, const BatchNormOptions& options = {})
      : BatchNormNd("BatchNorm3d", 5, 5, features, options) {}
};

struct LayerNormOptions {
  double eps = 1e-5;
  bool affine = true, bias = true;
};
// Ba et al. 2016: over the last dimensions, `shape`.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(int64_t size, const LayerNormOptions& options = {})
      : LayerNorm(Shape{size}, options) {}
  explicit LayerNorm(const Shape& shape, const LayerNormOptions& options = {});
  Tensor forward(Tensor x) override { return layer_norm(x, shape_, weight, bias, eps_); }
  Param weight, bias;

 private:
  Shape shape_;
  double eps_;
};

struct RMSNormOptions {
  double eps = 1e-6;
  bool affine = true;
};
// Zhang & Sennrich 2019: over the last dimensions, `shape`.
class RMSNorm : public Module {
 public:
  explicit RMSNorm(int64_t size, const RMSNormOptions& options = {})
      : RMSNorm(Shape{size}, options) {}
  explicit RMSNorm(const Shape& shape, const RMSNormOptions& options = {})
      : shape_(shape), eps_(options.eps) {
    if (options.affine) weight = param("weight", ones(shape));
  }
  Tensor forward(Tensor x) override { return rms_norm_over(x, shape_, weight, eps_); }
  Param weight;

 private:
  Shape shape_;
  double eps_;
};

struct GroupNormOptions {
  double eps = 1e-5;
  bool affine = true, bias = true;
};
// Wu & He 2018: x [N, channels, ...], statistics by sample and group of channels.
class GroupNorm : public Module {
 public:
  GroupNorm(int64_t groups, int64_t channels, const GroupNormOptions& options = {});
  Tensor forward(Tensor x) override { return group_norm(x, groups_, weight, bias, eps_); }
  Param weight, bias;

 private:
  int64_t groups_;
  double eps_;
};

struct InstanceNormOptions {
  double eps = 1e-5;
  bool affine = false;               // PyTorch's default
  bool track_running_stats = false;  // evaluation uses the running statistics
  double momentum = 0.1;
  bool bias = true;  // where affine
};
// Ulyanov et al. 2016: x [N, features, spatial...], statistics by sample and channel. For 1 to 3
// dimensions.
class InstanceNorm : public Module {
 public:
  explicit InstanceNorm(int64_t features, const InstanceNormOptions& options = {});
  Tensor forward(Tensor x) override;
  Param weight, bias, running_mean, running_var, num_batches_tracked;

 private:
  int64_t features_;
  InstanceNormOptions options_;
};

// Krizhevsky et al. 2012, see local_response_norm().
class LocalResponseNorm : public Module {
 public:
  explicit LocalResponseNorm(int64_t size, double alpha = 1e-4, double beta = 0.75, double k = 1)
      : size_(size), alpha_(alpha), beta_(beta), k_(k) {}
  Tensor forward(Tensor x) override { return local_response_norm(x, size_, alpha_, beta_, k_); }

 private:
  int64_t size_;
  double alpha_, beta_, k_;
};

}  // namespace cairn::nn
