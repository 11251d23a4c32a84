// Feed-forward layer with a gate (Shazeer 2020, "GLU Variants Improve Transformer"), under LLaMA's
// names.
#pragma once
#include "cairn/nn/linear.h"

namespace cairn::nn {

struct SwiGLUOptions {
  bool bias = false;
};
// x [..., dim] -> w2(silu(w1(x)) * w3(x)) [..., dim]: w1 the gate and w3 the way up, to `hidden`
// features, w2 the way down. As many weights as a plain layer's of 4 dim: hidden = 8 / 3 dim.
class SwiGLU : public Module {
 public:
  SwiGLU(int64_t dim, int64_t hidden, SwiGLUOptions options = {})
      : w1(child("w1", Linear(dim, hidden, {.bias = options.bias}))),
        w2(child("w2", Linear(hidden, dim, {.bias = options.bias}))),
        w3(child("w3", Linear(dim, hidden, {.bias = options.bias}))) {}
  Tensor forward(Tensor x) override { return w2(silu(w1(x)) * w3(x)); }

  Linear w1, w2, w3;
};

}  // namespace cairn::nn
