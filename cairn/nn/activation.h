// The rarer activations as layers; the common ones are in linear.h.
#pragma once
#include "cairn/nn/module.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {

class CELU : public Module {
 public:
  explicit CELU(double alpha = 1) : alpha_(alpha) {}
  Tensor forward(Tensor x) override { return celu(x, alpha_); }

 private:
  double alpha_;
};
class GLU : public Module {
 public:
  explicit GLU(int64_t dim = -1) : dim_(dim) {}
  Tensor forward(Tensor x) override { return glu(x, dim_); }

 private:
  int64_t dim_;
};
class Hardtanh : public Module {
 public:
  explicit Hardtanh(double low = -1, double high = 1) : low_(low), high_(high) {}
  Tensor forward(Tensor x) override { return hardtanh(x, low_, high_); }

 private:
  double low_, high_;
};
class Threshold : public Module {
 public:
  Threshold(double limit, double otherwise) : limit_(limit), otherwise_(otherwise) {}
  Tensor forward(Tensor x) override { return threshold(x, limit_, otherwise_); }

 private:
  double limit_, otherwise_;
};
class Hardshrink : public Module {
 public:
  explicit Hardshrink(double lambda = 0.5) : lambda_(lambda) {}
  Tensor forward(Tensor x) override { return hardshrink(x, lambda_); }

 private:
  double lambda_;
};
class Softshrink : public Module {
 public:
  explicit Softshrink(double lambda = 0.5) : lambda_(lambda) {}
  Tensor forward(Tensor x) override { return softshrink(x, lambda_); }

 private:
  double lambda_;
};
class Hardsigmoid : public Module {
 public:
  Tensor forward(Tensor x) override { return hardsigmoid(x); }
};
class Softsign : public Module {
 public:
  Tensor forward(Tensor x) override { return softsign(x); }
};
class Tanhshrink : public Module {
 public:
  Tensor forward(Tensor x) override { return tanhshrink(x); }
};
class LogSigmoid : public Module {
 public:
  Tensor forward(Tensor x) override { return log_sigmoid(x); }
};
class Softmin : public Module {
 public:
  explicit Softmin(int64_t dim = -1) : dim_(dim) {}
  Tensor forward(Tensor x) override { return softmin(x, dim_); }

 private:
  int64_t dim_;
};
// Over the channels of [N, C, H, W].
class Softmax2d : public Module {
 public:
  Tensor forward(Tensor x) override { return softmax(x, -3); }
};

}  // namespace cairn::nn
