// Pooling over windows of 1 to 3 spatial dimensions: x [N, C, spatial...].
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

struct PoolOptions {
  Ints kernel;                // one number for all dimensions, or one each
  Ints stride = {};           // default: the kernel
  Ints padding = {0};         // one for all, or one each; at most half the kernel
  bool count_padding = true;  // average: padded zeros count
};
Tensor max_pool(In x, const PoolOptions& options);
Tensor max_pool2d(In x, int64_t kernel, int64_t stride = 0, int64_t padding = 0);
Tensor avg_pool(In x, const PoolOptions& options);
Tensor avg_pool2d(In x, int64_t kernel, int64_t stride = 0, int64_t padding = 0);
// (sum over the window of |x|^p)^(1/p).
Tensor lp_pool(In x, double p, const PoolOptions& options);
// Windows that divide each dimension as evenly as may be into `size` parts (one number for all, or
// one each).
Tensor adaptive_avg_pool(In x, const Ints& size);
Tensor adaptive_max_pool(In x, const Ints& size);

}  // namespace cairn
