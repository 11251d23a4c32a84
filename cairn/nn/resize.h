// Layers that change the size: padding, resizing, windows, pixels and channels moved about.
#pragma once
#include <utility>

#include "cairn/nn/conv.h"

namespace cairn::nn {

// x [N, C, spatial...]; the padding as {begin, end} of the last dimension, then of the one before,
// or one number for all.
template <int kDims, PadMode kMode>
class PadNd : public Module {
 public:
  explicit PadNd(Sizes padding, double value = 0)
      : padding_(padding.for_dims("Pad", 2 * kDims)), value_(value) {}
  Tensor forward(Tensor x) override { return pad(x, padding_, kMode, value_); }

 private:
  Ints padding_;
  double value_;
};
using ConstantPad1d = PadNd<1, PadMode::constant>;
using ConstantPad2d = PadNd<2, PadMode::constant>;
using ConstantPad3d = PadNd<3, PadMode::constant>;
using ZeroPad1d = ConstantPad1d;
using ZeroPad2d = ConstantPad2d;
using ZeroPad3d = ConstantPad3d;
using ReflectionPad1d = PadNd<1, PadMode::reflect>;
using ReflectionPad2d = PadNd<2, PadMode::reflect>;
using ReflectionPad3d = PadNd<3, PadMode::reflect>;
using ReplicationPad1d = PadNd<1, PadMode::replicate>;
using ReplicationPad2d = PadNd<2, PadMode::replicate>;
using ReplicationPad3d = PadNd<3, PadMode::replicate>;
using CircularPad1d = PadNd<1, PadMode::circular>;
using CircularPad2d = PadNd<2, PadMode::circular>;
using CircularPad3d = PadNd<3, PadMode::circular>;

class Upsample : public Module {
 public:
  explicit Upsample(InterpolateOptions options) : options_(std::move(options)) {}
  Tensor forward(Tensor x) override { return interpolate(x, options_); }

 private:
  InterpolateOptions options_;
};
class Unfold : public Module {
 public:
  explicit Unfold(UnfoldOptions options) : options_(std::move(options)) {}
  Tensor forward(Tensor x) override { return unfold(x, options_); }

 private:
  UnfoldOptions options_;
};
class Fold : public Module {
 public:
  Fold(Ints spatial, UnfoldOptions options)
      : spatial_(std::move(spatial)), options_(std::move(options)) {}
  Tensor forward(Tensor x) override { return fold(x, spatial_, options_); }

 private:
  Ints spatial_;
  UnfoldOptions options_;
};
class PixelShuffle : public Module {
 public:
  explicit PixelShuffle(int64_t factor) : factor_(factor) {}
  Tensor forward(Tensor x) override { return pixel_shuffle(x, factor_); }

 private:
  int64_t factor_;
};
class PixelUnshuffle : public Module {
 public:
  explicit PixelUnshuffle(int64_t factor) : factor_(factor) {}
  Tensor forward(Tensor x) override { return pixel_unshuffle(x, factor_); }

 private:
  int64_t factor_;
};
class ChannelShuffle : public Module {
 public:
  explicit ChannelShuffle(int64_t groups) : groups_(groups) {}
  Tensor forward(Tensor x) override { return channel_shuffle(x, groups_); }

 private:
  int64_t groups_;
};
// One dimension as several; one of the sizes may be -1.
class Unflatten : public Module {
 public:
  Unflatten(int64_t dim, Shape sizes) : dim_(dim), sizes_(std::move(sizes)) {}
  Tensor forward(Tensor x) override {
    const int64_t d = dim_ < 0 ? dim_ + x.rank() : dim_;
    check(d >= 0 && d < x.rank(), "Unflatten: dimension {} of {}", dim_, to_string(x.shape()));
    Shape shape(x.shape().begin(), x.shape().begin() + d);
    for (int64_t s : sizes_) shape.push_back(s);
    for (int64_t i = d + 1; i < x.rank(); ++i) shape.push_back(x.shape()[i]);
    return reshape(x, shape);
  }

 private:
  int64_t dim_;
  Shape sizes_;
};
class CosineSimilarity : public Module {
 public:
  explicit CosineSimilarity(int64_t dim = 1, double eps = 1e-8) : dim_(dim), eps_(eps) {}
  Tensor forward(Tensor a, Tensor b) override { return cosine_similarity(a, b, dim_, eps_); }

 private:
  int64_t dim_;
  double eps_;
};
class PairwiseDistance : public Module {
 public:
  explicit PairwiseDistance(double p = 2, double eps = 1e-6, bool keepdim = false)
      : p_(p), eps_(eps), keepdim_(keepdim) {}
  Tensor forward(Tensor a, Tensor b) override {
    return pairwise_distance(a, b, p_, eps_, keepdim_);
  }

 private:
  double p_, eps_;
  bool keepdim_;
};

}  // namespace cairn::nn
