#include "cairn/nn/conv.h"

#include <cmath>

#include "cairn/nn/init.h"
#include "cairn/ops/context.h"

namespace cairn::nn {
namespace {

void check_channels(const char* layer, int64_t in, int64_t out, int64_t groups) {
  check(in > 0 && out > 0, "{}: channels {} and {} must be positive", layer, in, out);
  check(groups > 0 && in % groups == 0 && out % groups == 0,
        "{}: channels {} and {} do not divide into {} groups", layer, in, out, groups);
}

Shape weight_shape(const char* layer, int dims, int64_t first, int64_t second,
                   const Sizes& kernel) {
  Shape shape = {first, second};
  for (int64_t k : kernel.for_dims(layer, dims)) {
    check(k > 0, "{}: kernel size {} must be positive", layer, k);
    shape.push_back(k);
  }
  return shape;
}

Tensor initial_bias(const Shape& weight, int64_t out) {
  const double bound = 1 / std::sqrt(init::fans_of(weight).in);
  return init::uniform({out}, -bound, bound);
}

void check_input(const char* layer, const Tensor& x, const Shape& weight, int64_t in) {
  check(x.rank() == weight.ssize() && x.shape()[1] == in, "{}: wants [N, {}, {} spatial], not {}{}",
        layer, in, weight.ssize() - 2, to_string(x.shape()), where(context().loc));
}

}  // namespace

Ints Sizes::for_dims(const char* layer, int dims) const {
  if (values.size() == 1) return Ints(static_cast<size_t>(dims), values[0]);
  check(values.ssize() == dims, "{}: {} given for {} dimensions", layer, to_string(values), dims);
  return values;
}

Sizes same_padding(const Sizes& kernel, const Sizes& dilation) {
  Sizes padding = kernel;
  for (size_t d = 0; d < padding.values.size(); ++d) {
    const int64_t span =
        dilation.values[dilation.values.size() == 1 ? 0 : d] * (kernel.values[d] - 1);
    check(span % 2 == 0, "same_padding: kernel {} has no middle", to_string(kernel.values));
    padding.values[d] = span / 2;
  }
  return padding;
}

ConvNd::ConvNd(const char* layer, int dims, int64_t in, int64_t out, const Sizes& kernel,
               const ConvOptions& o)
    : layer_(layer), mode_(o.padding_mode) {
  check_channels(layer, in, out, o.groups);
  const Shape shape = weight_shape(layer, dims, out, in / o.groups, kernel);
  weight = param("weight", init::kaiming_uniform(shape, std::sqrt(5.0)));
  if (o.bias) bias = param("bias", initial_bias(shape, out));
  const Ints padding = o.padding.for_dims(layer, dims);
  conv_ = {.stride = o.stride.for_dims(layer, dims),
           .padding = padding,
           .dilation = o.dilation.for_dims(layer, dims),
           .groups = o.groups};
  if (mode_ == PaddingMode::zeros) return;
  conv_.padding = {0};
  for (int d = dims; d-- > 0;)
    edge_padding_.push_back(padding[d]), edge_padding_.push_back(padding[d]);
}

Tensor ConvNd::forward(Tensor x) {
  check_input(layer_, x, weight.shape(), weight.shape()[1] * conv_.groups);
  switch (mode_) {
    case PaddingMode::zeros: break;
    case PaddingMode::reflect: x = pad(x, edge_padding_, PadMode::reflect); break;
    case PaddingMode::replicate: x = pad(x, edge_padding_, PadMode::replicate); break;
    case PaddingMode::circular: x = pad(x, edge_padding_, PadMode::circular); break;
  }
  return conv(x, weight, bias, conv_);
}

ConvTransposeNd::ConvTransposeNd(const char* layer, int dims, int64_t in, int64_t out,
                                 const Sizes& kernel, const ConvTransposeOptions& o)
    : layer_(layer) {
  check_channels(layer, in, out, o.groups);
  const Shape shape = weight_shape(layer, dims, in, out / o.groups, kernel);
  weight = param("weight", init::kaiming_uniform(shape, std::sqrt(5.0)));
  if (o.bias) bias = param("bias", initial_bias(shape, out));
  conv_ = {.stride = o.stride.for_dims(layer, dims),
           .padding = o.padding.for_dims(layer, dims),
           .output_padding = o.output_padding.for_dims(layer, dims),
           .dilation = o.dilation.for_dims(layer, dims),
           .groups = o.groups};
}

Tensor ConvTransposeNd::forward(Tensor x) {
  check_input(layer_, x, weight.shape(), weight.shape()[0]);
  return conv_transpose(x, weight, bias, conv_);
}

}  // namespace cairn::nn
