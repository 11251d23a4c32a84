#include "cairn/nn/spectral_norm.h"

#include "cairn/ops/context.h"

namespace cairn::nn::detail {
namespace {

Tensor unit(const Tensor& x, double eps) { return x / clamp_min(norm(x), eps); }

}  // namespace

Tensor unit_vector(int64_t size, double eps) { return unit(randn({size}), eps); }

void rename_parameter(Node& node, const std::string& from, const std::string& to) {
  for (auto& [name, tensor] : node.parameters) {
    if (name != from) continue;
    name = to;
    return;
  }
  fail("spectral_norm: {} has no parameter '{}'; it is for linear and convolution layers",
       node.name.empty() ? "the layer" : node.name, from);
}

Tensor spectral_weight(const Tensor& weight, const Tensor& u_state, const Tensor& v_state, int dim,
                       bool training, const SpectralNormOptions& options) {
  const Tensor matrix = flatten(dim == 0 ? weight : transpose(weight, 0, dim), 1);
  Tensor u = u_state, v = v_state;
  if (training) {
    const NoGrad no_grad;
    const Tensor fixed = matrix.detach();
    for (int i = 0; i < options.iterations; ++i) {
      v = unit(matmul(transpose(fixed, 0, 1), u), options.eps);
      u = unit(matmul(fixed, v), options.eps);
    }
    assign(u_state, u), assign(v_state, v);
  }
  return weight / sum(u * matmul(matrix, v));
}

}  // namespace cairn::nn::detail
