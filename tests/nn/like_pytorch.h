// Inputs, weights and outputs of PyTorch's layers: tools/dump_layers.py wrote the file.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "cairn/autograd/autograd.h"
#include "cairn/io/safetensors.h"
#include "cairn/nn/nn.h"

namespace cairn::nn {

inline Tensor load(const std::string& name) {
  static const io::SafetensorsFile file(std::string(CAIRN_SOURCE_DIR) +
                                        "/tests/nn/data/layers.safetensors");
  const io::NamedTensor& t = file.at(name);
  return from_host(t.data.data(), t.shape, t.dtype);
}

class Case {
 public:
  explicit Case(std::string name) : name_(std::move(name)) {}
  Tensor in(int i) const { return load(name_ + ".in." + std::to_string(i)); }

  // Gives the layer PyTorch's weights: its names must be exactly the layer's.
  template <class M>
  M operator()(M layer) const {
    NamedTensors values;
    for (const auto& [name, t] : layer.state_dict())
      values.emplace_back(name, load(name_ + ".w." + name));
    layer.load_state_dict(values);
    layer.eval();
    return layer;
  }
  void expect(const Tensor& got, int i = 0) const { same(got, ".out." + std::to_string(i)); }
  // The gradients of the outputs' sum of squares by all parameters, then by the given inputs.
  template <class M>
  void expect_gradients(const M& layer, const Tensors& outputs,
                        std::map<int, Tensor> inputs) const {
    std::vector<std::string> names;
    Tensors of;
    for (const auto& [name, p] : layer.named_parameters())
      names.push_back(".g." + name), of.push_back(p);
    for (const auto& [i, x] : inputs)
      names.push_back(".g.in." + std::to_string(i)), of.push_back(x);
    Tensor loss = zeros({});
    for (const Tensor& y : outputs) loss = loss + sum(square(y));
    const Tensors got = grad({loss}, of);
    for (size_t i = 0; i < got.size(); ++i) same(got[i], names[i]);
  }
  template <class M>
  void expect_same(M layer) const {
    expect((*this)(layer)(in(0)));
  }

 private:
  void same(const Tensor& got, const std::string& what) const {
    const Tensor wanted = load(name_ + what);
    ASSERT_EQ(got.shape(), wanted.shape()) << name_ << what;
    const std::vector<float> a = got.to_vector<float>(), b = wanted.to_vector<float>();
    for (size_t k = 0; k < b.size(); ++k)
      ASSERT_NEAR(a[k], b[k], 1e-5 * (1 + std::abs(b[k]))) << name_ << what << " at " << k;
  }

  std::string name_;
};

}  // namespace cairn::nn
