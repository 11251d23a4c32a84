// Linear layers with ReLU and dropout between them.
#pragma once
#include "cairn/nn/nn.h"

namespace cairn::models {

// x [N, inputs] -> [N, outputs]; `hidden`: widths of the layers between.
struct Mlp : nn::Module {
  Mlp(int64_t inputs, const std::vector<int64_t>& hidden, int64_t outputs, double dropout = 0);
  Tensor forward(Tensor x) override;

  nn::Sequential net;
};

}  // namespace cairn::models
