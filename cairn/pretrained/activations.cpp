#include "cairn/pretrained/activations.h"

#include "cairn/ops/functions.h"

namespace cairn::pretrained {
namespace {

Tensor gelu_by_tanh(const Tensor& x) { return gelu(x, Gelu::tanh); }
Tensor quick_gelu(const Tensor& x) { return x * sigmoid(x * 1.702); }

constexpr struct {
  const char* name;
  Activation function;
} kActivations[] = {
    {"gelu", [](const Tensor& x) { return gelu(x); }},
    {"gelu_new", gelu_by_tanh},
    {"gelu_pytorch_tanh", gelu_by_tanh},
    {"gelu_fast", gelu_by_tanh},
    {"quick_gelu", quick_gelu},
    {"relu", [](const Tensor& x) { return relu(x); }},
    {"silu", [](const Tensor& x) { return silu(x); }},
    {"swish", [](const Tensor& x) { return silu(x); }},
    {"tanh", [](const Tensor& x) { return tanh(x); }},
};

}  // namespace

Activation activation_named(const std::string& name, const std::string& where) {
  std::string known;
  for (const auto& [its, function] : kActivations) {
    if (name == its) return function;
    known += (known.empty() ? "" : ", ") + std::string(its);
  }
  fail("{}: the activation '{}' is not implemented; those that are: {}", where, name, known);
}

}  // namespace cairn::pretrained
