// Pooling over windows of 1 to 3 spatial dimensions: x [N, C, spatial...].
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

struct PoolOptions {
  Ints kernel;                // one number for all dimensions, or one each
  Ints stride = {};           // default: the kernel
  Ints padding = {0};         // one for all, or one each; at most half the kernel
  bool count_padding = true;  // average: padded zeros count (PyTorch's count_include_pad)
  bool ceil_mode = false;     // a last window that is cut off at the end counts too
  Ints dilation = {1};        // maximum: between a window's places, one for all, or one each
  int64_t divisor = 0;        // average: divides by this (PyTorch's divisor_override); 0: the count
};
Tensor max_pool(In x, const PoolOptions& options);
struct MaxPooled {
  Tensor values, indices;  // i64, the place of each maximum: flat over the spatial dimensions
};
MaxPooled max_pool_with_indices(In x, const PoolOptions& options);
// Values put back at their places of a picture of that spatial size, zeros elsewhere.
Tensor max_unpool(In values, const Tensor& indices, const Ints& spatial);
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
