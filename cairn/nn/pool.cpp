#include "cairn/nn/pool.h"

#include "cairn/ops/context.h"

namespace cairn::nn {

PoolNd::PoolNd(const char* layer, int dims, const Sizes& kernel, const PoolOptions& o)
    : layer_(layer), dims_(dims) {
  const Ints k = kernel.for_dims(layer, dims), stride = o.stride.for_dims(layer, dims);
  options_ = {.kernel = k,
              .stride = stride[0] == 0 ? k : stride,
              .padding = o.padding.for_dims(layer, dims),
              .count_padding = o.count_include_pad,
              .ceil_mode = o.ceil_mode,
              .dilation = o.dilation.for_dims(layer, dims),
              .divisor = o.divisor_override};
}

const cairn::PoolOptions& PoolNd::checked(const Tensor& x) const {
  check(x.rank() == dims_ + 2, "{}{}d: wants [N, C, {} spatial], not {}{}", layer_, dims_, dims_,
        to_string(x.shape()), where(context().loc));
  return options_;
}

Tensor AdaptivePoolNd::pooled(const Tensor& x, Tensor (*pool)(In x, const Ints& size)) const {
  check(x.rank() == dims_ + 2 || x.rank() == dims_ + 1,
        "{}{}d: wants [N, C, {} spatial] or [C, {} spatial], not {}{}", layer_, dims_, dims_, dims_,
        to_string(x.shape()), where(context().loc));
  if (x.rank() == dims_ + 2) return pool(x, output_);
  return squeeze(pool(unsqueeze(x, 0), output_), {0});
}

}  // namespace cairn::nn
