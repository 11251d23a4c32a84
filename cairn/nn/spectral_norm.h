// Spectral normalisation (Miyato et al. 2018): the layer computes with weight / sigma, sigma the
// weight's largest singular value, so that it lengthens no difference of inputs.
//
//   nn::Conv2d plain(3, 64, 4, {.stride = 2, .padding = 1});
//   auto conv = nn::spectral_norm(plain);     // SpectralNorm<nn::Conv2d>, itself a Conv2d
//
// As torch.nn.utils.spectral_norm: the parameter is called "weight_orig"; the buffers "weight_u"
// and "weight_v" hold the two singular vectors, which power iteration improves, one round each
// forward while training, none in evaluation. The gradient takes them as constants.
#pragma once
#include "cairn/nn/conv.h"
#include "cairn/nn/linear.h"

namespace cairn::nn {

struct SpectralNormOptions {
  int iterations = 1;
  double eps = 1e-12;  // a vector shorter than this is not made longer
};

namespace detail {
// weight / sigma. The weight as a matrix has a row for each index of axis `dim`; u [rows],
// v [columns].
Tensor spectral_weight(const Tensor& weight, const Tensor& u, const Tensor& v, int dim,
                       bool training, const SpectralNormOptions& options);
Tensor unit_vector(int64_t size, double eps);
void rename_parameter(Node& node, const std::string& from, const std::string& to);
inline int output_axis(const Module&) { return 0; }
inline int output_axis(const ConvTransposeNd&) { return 1; }
}  // namespace detail

// Of a Linear, convolution or transposed convolution: what has a `weight`.
template <class Layer>
class SpectralNorm : public Layer {
 public:
  explicit SpectralNorm(Layer layer, const SpectralNormOptions& options = {})
      : Layer(std::move(layer)), options_(options), dim_(detail::output_axis(*this)) {
    detail::rename_parameter(*this->node(), "weight", "weight_orig");
    const int64_t rows = this->weight.size(dim_);
    weight_u = this->buffer("weight_u", detail::unit_vector(rows, options.eps));
    weight_v =
        this->buffer("weight_v", detail::unit_vector(this->weight.numel() / rows, options.eps));
  }

  Tensor forward(Tensor x) override {
    struct Restore {  // the member is the parameter again when forward is over
      Tensor &slot, original;
      ~Restore() { slot = original; }
    } restore{this->weight, this->weight};
    restore.slot = detail::spectral_weight(restore.original, weight_u, weight_v, dim_,
                                           this->training(), options_);
    return Layer::forward(x);
  }

  Param weight_u, weight_v;

 private:
  SpectralNormOptions options_;
  int dim_;
};

template <class Layer>
SpectralNorm<Layer> spectral_norm(Layer layer, const SpectralNormOptions& options = {}) {
  return SpectralNorm<Layer>(std::move(layer), options);
}

}  // namespace cairn::nn
