// 8-bit inference of a network that was trained in f32: post-training static quantization (Jacob et
// al. 2018; Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference").
// Weights get one scale an output channel, activations one scale and zero point a tensor, from what
// they are on some batches of data.
//
// The network's code stays as it is: its inference is traced, convolutions and linear layers with
// what follows them (bias, normalisation, residual, relu) become one 8-bit op each, and pooling,
// sums and concatenation between them stay in 8 bits. What has no 8-bit kernel is computed in f32
// and named in `kept`.
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

#include "cairn/nn/module.h"
#include "cairn/ops/qlinear.h"

namespace cairn::quantize {

struct Options {
  // The range of an activation holds this share of its values, in percent; 100: all of them.
  double percentile = 100;
};

// What is stored of a quantized network.
struct Quantized {
  std::map<std::string, QParams> activations;  // by the name of the value in the graph
  NamedTensors tensors;  // LAYER.weight_int8 [O, kh, kw, C / groups], LAYER.weight_scale [O],
                         // LAYER.bias [O]; network.NAME: the parameters and buffers that stay f32
  std::vector<std::string> layers;  // in 8 bits
  std::vector<std::string> kept;    // in f32, with the reason
};

// `batches`: inputs of the network as it gets them in use, of one shape. Throws Error when there
// are none, when a value in the network is not finite (naming the layer), or when nothing in it can
// be quantized.
Quantized quantize(const nn::AnyModule& network, std::span<const Tensor> batches,
                   const Options& options = {});

// The network in 8 bits: called like the one that it is made of. Works eagerly and inside
// compile().
class QuantizedNetwork : public nn::Module {
 public:
  // Takes over `network`: parameters that 8-bit weights stand for give their memory back and read
  // as 0. Throws Error when the quantized tensors are not of this network.
  QuantizedNetwork(const nn::AnyModule& network, const Quantized& quantized);
  Tensor forward(Tensor x) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace cairn::quantize
