#include "cairn/nn/quantize.h"

#include <algorithm>
#include <map>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/quantize.h"

namespace cairn::nn {
namespace {

constexpr const char* kValues = "weight_int8";
constexpr const char* kScale = "weight_scale";

Tensor named(const NamedTensors& list, const char* name) {
  for (const auto& [n, t] : list)
    if (n == name) return t;
  return {};
}

// The memory of a State goes; whoever still holds it sees an empty tensor.
int64_t release(const Tensor& state) {
  const auto bytes = static_cast<int64_t>(state.desc().bytes());
  const Tensor none = zeros({0}, state.dtype());
  TensorImpl& impl = *state.impl();
  impl.buffer = none.impl()->buffer;
  impl.desc = none.desc();
  ++impl.version;
  return bytes;
}

int64_t quantize_linear(Node& node) {
  const Tensor weight = named(node.parameters, "weight");
  const NoGrad no_grad;
  const auto [values, scale] = cairn::quantize_int8(weight.detach());
  node.buffers.emplace_back(kValues, state(values));
  node.buffers.emplace_back(kScale, state(scale));
  std::erase_if(node.parameters, [](const auto& p) { return p.first == "weight"; });
  return release(weight) - static_cast<int64_t>(values.desc().bytes() + scale.desc().bytes());
}

}  // namespace

int64_t quantize_int8(const Module& module) {
  std::map<const TensorImpl*, int> uses;
  for (const auto& [path, m] : module.named_modules())
    for (const auto& [name, t] : m.node()->parameters) ++uses[t.impl()];
  int64_t freed = 0;
  for (const auto& [path, m] : module.named_modules()) {
    const Tensor weight = named(m.node()->parameters, "weight");
    if (m.type() == "Linear" && weight.defined() && weight.rank() == 2 && uses[weight.impl()] == 1)
      freed += quantize_linear(*m.node());
  }
  return freed;
}

QuantizedWeight quantized_weight(const Module& linear) {
  const NamedTensors& buffers = linear.node()->buffers;
  if (buffers.empty()) return {};
  return {named(buffers, kValues), named(buffers, kScale)};
}

}  // namespace cairn::nn
