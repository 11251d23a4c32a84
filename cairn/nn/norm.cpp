#include "cairn/nn/norm.h"

#include "cairn/ops/context.h"

namespace cairn::nn {

BatchNormNd::BatchNormNd(const char* layer, int least_rank, int most_rank, int64_t features,
                         const BatchNormOptions& options)
    : layer_(layer),
      least_rank_(least_rank),
      most_rank_(most_rank),
      features_(features),
      options_(options) {
  check(features > 0, "{}: {} features; there must be some", layer, features);
  if (options.affine) {
    weight = param("weight", ones({features}));
    if (options.bias) bias = param("bias", zeros({features}));
  }
  if (options.track_running_stats) {
    running_mean = buffer("running_mean", zeros({features}));
    running_var = buffer("running_var", ones({features}));
    num_batches_tracked = buffer("num_batches_tracked", zeros({}, DType::i64));
  }
}

Tensor BatchNormNd::forward(Tensor x) {
  check(x.rank() >= least_rank_ && x.rank() <= most_rank_ && x.shape()[1] == features_,
        "{}: wants [N, {}, ...] with {} dimensions, not {}{}", layer_, features_, most_rank_,
        to_string(x.shape()), where(context().loc));
  const bool batch_statistics = training() || !options_.track_running_stats;
  if (batch_statistics && num_batches_tracked.defined()) {
    NoGrad no_grad;
    assign(num_batches_tracked, num_batches_tracked + 1.0);
  }
  if (options_.momentum || !batch_statistics || !num_batches_tracked.defined())
    return batch_norm(x, running_mean, running_var, weight, bias, batch_statistics,
                      options_.momentum.value_or(0.1), options_.eps);
  const Tensor share = reciprocal(cast(num_batches_tracked, running_mean.dtype())).detach();
  return batch_norm(x, running_mean, running_var, weight, bias, share, options_.eps);
}

LayerNorm::LayerNorm(const Shape& shape, const LayerNormOptions& options)
    : shape_(shape), eps_(options.eps) {
  if (options.affine) weight = param("weight", ones(shape));
  if (options.affine && options.bias) bias = param("bias", zeros(shape));
}

GroupNorm::GroupNorm(int64_t groups, int64_t channels, const GroupNormOptions& options)
    : groups_(groups), eps_(options.eps) {
  check(groups > 0 && channels % groups == 0, "GroupNorm: {} channels do not divide into {} groups",
        channels, groups);
  if (!options.affine) return;
  weight = param("weight", ones({channels}));
  if (options.bias) bias = param("bias", zeros({channels}));
}

InstanceNorm::InstanceNorm(int64_t features, const InstanceNormOptions& options)
    : features_(features), options_(options) {
  if (options.affine) {
    weight = param("weight", ones({features}));
    if (options.bias) bias = param("bias", zeros({features}));
  }
  if (!options.track_running_stats) return;
  running_mean = buffer("running_mean", zeros({features}));
  running_var = buffer("running_var", ones({features}));
  num_batches_tracked = buffer("num_batches_tracked", zeros({}, DType::i64));
}
Tensor InstanceNorm::forward(Tensor x) {
  check(x.rank() >= 3 && x.shape()[1] == features_,
        "InstanceNorm: wants [N, {}, spatial...], not {}{}", features_, to_string(x.shape()),
        where(context().loc));
  if (!options_.track_running_stats) return instance_norm(x, weight, bias, options_.eps);
  if (training()) {
    NoGrad no_grad;
    assign(num_batches_tracked, num_batches_tracked + 1.0);
  }
  return instance_norm(x, running_mean, running_var, weight, bias, training(), options_.momentum,
                       options_.eps);
}

}  // namespace cairn::nn
