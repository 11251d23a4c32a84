// Pooling layers: x [N, C, spatial...].
#pragma once
#include "cairn/nn/conv.h"

namespace cairn::nn {

struct PoolOptions {
  Sizes stride = 0;  // 0: the kernel
  Sizes padding = 0;
  Sizes dilation = 1;             // maximum
  bool ceil_mode = false;         // a last window that is cut off at the end counts too
  bool count_include_pad = true;  // average: padded zeros count
  int64_t divisor_override = 0;   // average: divides by this; 0: the count
};
class PoolNd : public Module {
 protected:
  PoolNd(const char* layer, int dims, const Sizes& kernel, const PoolOptions& options);
  const cairn::PoolOptions& checked(const Tensor& x) const;

 private:
  const char* layer_;
  int dims_;
  cairn::PoolOptions options_;
};
template <int kDims>
class MaxPool : public PoolNd {
 public:
  explicit MaxPool(Sizes kernel, const PoolOptions& options = {})
      : PoolNd("MaxPool", kDims, kernel, options) {}
  Tensor forward(Tensor x) override { return max_pool(x, checked(x)); }
};
using MaxPool1d = MaxPool<1>;
using MaxPool2d = MaxPool<2>;
using MaxPool3d = MaxPool<3>;
template <int kDims>
class AvgPool : public PoolNd {
 public:
  explicit AvgPool(Sizes kernel, const PoolOptions& options = {})
      : PoolNd("AvgPool", kDims, kernel, options) {}
  Tensor forward(Tensor x) override { return avg_pool(x, checked(x)); }
};
using AvgPool1d = AvgPool<1>;
using AvgPool2d = AvgPool<2>;
using AvgPool3d = AvgPool<3>;

// (sum over the window of |x|^p)^(1/p).
template <int kDims>
class LPPool : public PoolNd {
 public:
  LPPool(double p, Sizes kernel, const PoolOptions& options = {})
      : PoolNd("LPPool", kDims, kernel, options), p_(p) {}
  Tensor forward(Tensor x) override { return lp_pool(x, p_, checked(x)); }

 private:
  double p_;
};
using LPPool1d = LPPool<1>;
using LPPool2d = LPPool<2>;
using LPPool3d = LPPool<3>;

// Averages to a given size, whatever the input's: bins as PyTorch's, floor(i n / out) to ceil((i +
// 1) n / out).
//
// x [N, C, spatial...], or [C, spatial...] without a batch.
class AdaptivePoolNd : public Module {
 protected:
  AdaptivePoolNd(const char* layer, int dims, const Sizes& output)
      : layer_(layer), dims_(dims), output_(output.for_dims(layer, dims)) {}
  Tensor pooled(const Tensor& x, Tensor (*pool)(In x, const Ints& size)) const;

 private:
  const char* layer_;
  int dims_;
  Ints output_;
};
template <int kDims>
class AdaptiveAvgPool : public AdaptivePoolNd {
 public:
  explicit AdaptiveAvgPool(Sizes output) : AdaptivePoolNd("AdaptiveAvgPool", kDims, output) {}
  Tensor forward(Tensor x) override { return pooled(x, adaptive_avg_pool); }
};
using AdaptiveAvgPool1d = AdaptiveAvgPool<1>;
using AdaptiveAvgPool2d = AdaptiveAvgPool<2>;
using AdaptiveAvgPool3d = AdaptiveAvgPool<3>;
template <int kDims>
class AdaptiveMaxPool : public AdaptivePoolNd {
 public:
  explicit AdaptiveMaxPool(Sizes output) : AdaptivePoolNd("AdaptiveMaxPool", kDims, output) {}
  Tensor forward(Tensor x) override { return pooled(x, adaptive_max_pool); }
};
using AdaptiveMaxPool1d = AdaptiveMaxPool<1>;
using AdaptiveMaxPool2d = AdaptiveMaxPool<2>;
using AdaptiveMaxPool3d = AdaptiveMaxPool<3>;

}  // namespace cairn::nn
