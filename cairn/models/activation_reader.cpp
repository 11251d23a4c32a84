#include "cairn/models/activation_reader.h"

#include <utility>

#include "cairn/ops/context.h"

namespace cairn::models {
namespace {

nn::Module last_linear(const nn::AnyModule& network) {
  std::string last;
  for (const auto& [name, module] : network->named_modules())
    if (module.type() == "Linear") last = name;
  check(!last.empty(), "a network without a linear layer has no features before its last one");
  return network->find(last);
}

}  // namespace

ActivationReader::ActivationReader(const nn::AnyModule& network)
    : network_(network),
      head_(last_linear(network_)),
      hook_(head_.on_forward([this](const Tensors& inputs, const Tensor&) {
        features_ = inputs[0];
        return Tensor();
      })) {}

Activations ActivationReader::operator()(const Tensor& inputs) {
  const NoGrad no_grad;
  const Tensor logits = (*network_)(inputs);
  return {std::exchange(features_, Tensor()), logits};
}

}  // namespace cairn::models
