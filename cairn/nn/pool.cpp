#include "cairn/nn/pool.h"

#include "cairn/ops/context.h"

namespace cairn::nn {

PoolNd::PoolNd(const char* layer, int dims, const Sizes& kernel, const PoolOptions& o)
    : layer_(layer), dims_(dims) {
  const Ints k = kernel.for_dims(layer, dims), stride = o.stride.for_dims(layer, dims);
  options_ = {.kernel = k,
              .stride = stride[0] == 0 ? k : stride,
              .padding = o.padding.for_dims(layer, dims)};
}

const cairn::PoolOptions& PoolNd::checked(const Tensor& x) const {
  check(x.rank() == dims_ + 2, "{}{}d: wants [N, C, {} spatial], not {}{}", layer_, dims_, dims_,
        to_string(x.shape()), where(context().loc));
  return options_;
}

// One axis at a time: equal bins are one pooling, uneven ones a mean of slices each.
Tensor AdaptiveAvgPool::forward(Tensor x) {
  check(x.rank() >= 3, "AdaptiveAvgPool: wants [N, C, spatial...], not {}{}", to_string(x.shape()),
        where(context().loc));
  const int dims = x.rank() - 2;
  const Ints out = output_.for_dims("AdaptiveAvgPool", dims);
  Ints whole;
  for (int d = 0; d < dims; ++d)
    if (out[d] == 1) whole.push_back(d + 2);
  if (!whole.empty()) x = mean(x, whole, true);
  for (int d = 0; d < dims; ++d) {
    const int64_t n = x.shape()[d + 2];
    if (out[d] == n || out[d] == 1) continue;
    Tensors bins;
    for (int64_t i = 0; i < out[d]; ++i) {
      const int64_t from = i * n / out[d], to = ((i + 1) * n + out[d] - 1) / out[d];
      bins.push_back(mean(slice(x, d + 2, from, to - from), {d + 2}, true));
    }
    x = cat(bins, d + 2);
  }
  return x;
}

}  // namespace cairn::nn
