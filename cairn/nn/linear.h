// Layers of one matrix product or lookup, and layers without parameters.
#pragma once
#include "cairn/nn/module.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {

struct LinearOptions {
  bool bias = true;
};
// x [..., in] -> x weight^T + bias [..., out]; weight [out, in].
class Linear : public Module {
 public:
  Linear(int64_t in, int64_t out, LinearOptions options = {});
  Tensor forward(Tensor x) override;

  Param weight, bias;
};

// a^T W_o b + bias_o for each output o; weight [out, in1, in2].
class Bilinear : public Module {
 public:
  Bilinear(int64_t in1, int64_t in2, int64_t out, LinearOptions options = {});
  Tensor forward(Tensor a, Tensor b) override { return bilinear(a, b, weight, bias); }

  Param weight, bias;
};

struct EmbeddingOptions {
  int64_t padding_idx =
      -1;  // this row starts at zero and gets no gradient (a loaded one is read as it is); -1: none
};
// Indices of any shape -> rows of weight [count, dim].
class Embedding : public Module {
 public:
  Embedding(int64_t count, int64_t dim, EmbeddingOptions options = {});
  Tensor forward(Tensor indices) override;

  Param weight;

 private:
  int64_t padding_idx_;
};

// Zeroes elements with probability p, in [0, 1], while training.
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5);
  Tensor forward(Tensor x) override { return dropout(x, p_, training()); }

 private:
  double p_;
};

// Drops the same features of a sequence at every step (variational dropout: Gal, Ghahramani 2016;
// locked: Merity et al. 2018). x [T, N, features], or [N, T, features] with batch_first.
Tensor locked_dropout(const Tensor& x, double p, bool training, bool batch_first = false);
class LockedDropout : public Module {
 public:
  explicit LockedDropout(double p = 0.5, bool batch_first = false);
  Tensor forward(Tensor x) override { return locked_dropout(x, p_, training(), batch_first_); }

 private:
  double p_;
  bool batch_first_;
};

class Flatten : public Module {
 public:
  explicit Flatten(int64_t start = 1, int64_t end = -1) : start_(start), end_(end) {}
  Tensor forward(Tensor x) override { return flatten(x, start_, end_); }

 private:
  int64_t start_, end_;
};

class Identity : public Module {
 public:
  Tensor forward(Tensor x) override { return x; }
};

// ---- activations

class ReLU : public Module {
 public:
  Tensor forward(Tensor x) override { return relu(x); }
};
class ReLU6 : public Module {
 public:
  Tensor forward(Tensor x) override { return relu6(x); }
};
class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double negative_slope = 0.01) : slope_(negative_slope) {}
  Tensor forward(Tensor x) override { return leaky_relu(x, slope_); }

 private:
  double slope_;
};
// One learned slope for all channels, or one a channel (axis 1).
class PReLU : public Module {
 public:
  explicit PReLU(int64_t count = 1, double initial = 0.25)
      : weight(param("weight", full({count}, initial))) {}
  Tensor forward(Tensor x) override;

  Param weight;
};
class ELU : public Module {
 public:
  explicit ELU(double alpha = 1) : alpha_(alpha) {}
  Tensor forward(Tensor x) override { return elu(x, alpha_); }

 private:
  double alpha_;
};
class SELU : public Module {
 public:
  Tensor forward(Tensor x) override { return selu(x); }
};
class GELU : public Module {
 public:
  explicit GELU(Gelu approximate = Gelu::exact) : approximate_(approximate) {}
  Tensor forward(Tensor x) override { return gelu(x, approximate_); }

 private:
  Gelu approximate_;
};
class SiLU : public Module {
 public:
  Tensor forward(Tensor x) override { return silu(x); }
};
class Mish : public Module {
 public:
  Tensor forward(Tensor x) override { return mish(x); }
};
class Softplus : public Module {
 public:
  explicit Softplus(double beta = 1, double threshold = 20) : beta_(beta), threshold_(threshold) {}
  Tensor forward(Tensor x) override { return softplus(x, beta_, threshold_); }

 private:
  double beta_, threshold_;
};
class Sigmoid : public Module {
 public:
  Tensor forward(Tensor x) override { return sigmoid(x); }
};
class Tanh : public Module {
 public:
  Tensor forward(Tensor x) override { return tanh(x); }
};
class Hardswish : public Module {
 public:
  Tensor forward(Tensor x) override { return hardswish(x); }
};
class Softmax : public Module {
 public:
  explicit Softmax(int64_t dim = -1) : dim_(dim) {}
  Tensor forward(Tensor x) override { return softmax(x, dim_); }

 private:
  int64_t dim_;
};
class LogSoftmax : public Module {
 public:
  explicit LogSoftmax(int64_t dim = -1) : dim_(dim) {}
  Tensor forward(Tensor x) override { return log_softmax(x, dim_); }

 private:
  int64_t dim_;
};

}  // namespace cairn::nn
