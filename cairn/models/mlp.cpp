#include "cairn/models/mlp.h"

namespace cairn::models {

Mlp::Mlp(int64_t inputs, const std::vector<int64_t>& hidden, int64_t outputs, double dropout)
    : net(child("net", nn::Sequential())) {
  for (int64_t width : hidden) {
    net.push_back(nn::Linear(inputs, width)).push_back(nn::ReLU());
    if (dropout > 0) net.push_back(nn::Dropout(dropout));
    inputs = width;
  }
  net.push_back(nn::Linear(inputs, outputs));
}
Tensor Mlp::forward(Tensor x) { return net(x); }

}  // namespace cairn::models
