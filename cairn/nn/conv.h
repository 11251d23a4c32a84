// Convolution layers: x [N, C, spatial...].
#pragma once
#include "cairn/nn/module.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {

// One number for all dimensions, or one each: 3, {3, 5}.
struct Sizes {
  Ints values;
  Sizes(int64_t all) : values{all} {}                           // NOLINT: implicit
  Sizes(std::initializer_list<int64_t> each) : values(each) {}  // NOLINT: implicit
  Ints for_dims(const char* layer, int dims) const;             // `dims` numbers; throws Error
};

enum class PaddingMode { zeros, reflect, replicate, circular };

struct ConvOptions {
  Sizes stride = 1, padding = 0, dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  PaddingMode padding_mode = PaddingMode::zeros;
};
// Padding that keeps the size at stride 1: odd kernels.
Sizes same_padding(const Sizes& kernel, const Sizes& dilation = 1);

// weight [out, in / groups, kernel...], bias [out].
class ConvNd : public Module {
 public:
  Tensor forward(Tensor x) override;
  Param weight, bias;

 protected:
  ConvNd(const char* layer, int dims, int64_t in, int64_t out, const Sizes& kernel,
         const ConvOptions& options);

 private:
  const char* layer_;
  cairn::ConvOptions conv_;
  Ints edge_padding_;  // for pad(), when the mode is not zeros
  PaddingMode mode_;
};
class Conv1d : public ConvNd {  // x [N, in, length]
 public:
  Conv1d(int64_t in, int64_t out, Sizes kernel, const ConvOptions& options = {})
      : ConvNd("Conv1d", 1, in, out, kernel, options) {}
};
class Conv2d : public ConvNd {  // x [N, in, height, width]
 public:
  Conv2d(int64_t in, int64_t out, Sizes kernel, const ConvOptions& options = {})
      : ConvNd("Conv2d", 2, in, out, kernel, options) {}
};
class Conv3d : public ConvNd {  // x [N, in, depth, height, width]
 public:
  Conv3d(int64_t in, int64_t out, Sizes kernel, const ConvOptions& options = {})
      : ConvNd("Conv3d", 3, in, out, kernel, options) {}
};

struct ConvTransposeOptions {
  Sizes stride = 1, padding = 0, output_padding = 0, dilation = 1;
  int64_t groups = 1;
  bool bias = true;
};
// weight [in, out / groups, kernel...], bias [out].
class ConvTransposeNd : public Module {
 public:
  Tensor forward(Tensor x) override;
  Param weight, bias;

 protected:
  ConvTransposeNd(const char* layer, int dims, int64_t in, int64_t out, const Sizes& kernel,
                  const ConvTransposeOptions& options);

 private:
  const char* layer_;
  cairn::ConvTransposeOptions conv_;
};
class ConvTranspose1d : public ConvTransposeNd {
 public:
  ConvTranspose1d(int64_t in, int64_t out, Sizes kernel, const ConvTransposeOptions& options = {})
      : ConvTransposeNd("ConvTranspose1d", 1, in, out, kernel, options) {}
};
class ConvTranspose2d : public ConvTransposeNd {
 public:
  ConvTranspose2d(int64_t in, int64_t out, Sizes kernel, const ConvTransposeOptions& options = {})
      : ConvTransposeNd("ConvTranspose2d", 2, in, out, kernel, options) {}
};
class ConvTranspose3d : public ConvTransposeNd {
 public:
  ConvTranspose3d(int64_t in, int64_t out, Sizes kernel, const ConvTransposeOptions& options = {})
      : ConvTransposeNd("ConvTranspose3d", 3, in, out, kernel, options) {}
};

}  // namespace cairn::nn
