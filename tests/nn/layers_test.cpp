// Layers against PyTorch's, with its weights.
#include <gtest/gtest.h>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/context.h"
#include "tests/nn/like_pytorch.h"

namespace cairn::nn {

TEST(LikePyTorch, Convolution) {
  Case("conv1d_reflect")
      .expect_same(Conv1d(2, 3, 3, {.padding = 2, .padding_mode = PaddingMode::reflect}));
  Case("conv2d").expect_same(
      Conv2d(4, 6, {3, 2}, {.stride = {2, 1}, .padding = {1, 0}, .dilation = {1, 2}, .groups = 2}));
  Case("conv3d").expect_same(Conv3d(2, 3, 2, {.padding = 1, .bias = false}));
  Case("conv_transpose1d").expect_same(ConvTranspose1d(3, 2, 4, {.stride = 3, .padding = 1}));
  Case("conv_transpose2d")
      .expect_same(ConvTranspose2d(
          4, 6, 3, {.stride = 2, .padding = 1, .output_padding = 1, .dilation = 2, .groups = 2}));
}

TEST(LikePyTorch, Normalisation) {
  Case("batch_norm1d").expect_same(BatchNorm1d(3));
  Case("layer_norm").expect_same(LayerNorm(Shape{3, 4}));
  Case("group_norm").expect_same(GroupNorm(2, 6));
  Case("instance_norm").expect_same(InstanceNorm(3, {.affine = true}));
}

TEST(LikePyTorch, PointwiseAndPooling) {
  Case("prelu").expect_same(PReLU(3));
  Case("adaptive_pool").expect_same(AdaptiveAvgPool2d({3, 2}));
}

TEST(LikePyTorch, Attention) {
  const Case cross("attention");
  cross.expect(cross(MultiheadAttention(8, 2))(cross.in(0), cross.in(1), cross.in(1)));
  Case("encoder_layer")
      .expect_same(TransformerEncoderLayer(8, 2, {.dim_feedforward = 12, .batch_first = true}));
  const Case decoder("decoder_layer");
  decoder.expect(decoder(TransformerDecoderLayer(
      8, 2, {.dim_feedforward = 12, .activation = Activation::gelu, .norm_first = true}))(
      decoder.in(0), decoder.in(1)));
}

TEST(LikePyTorch, SwiGLU) {
  const auto same = [](const Case& c, const SwiGLU& with_other_weights) {
    const SwiGLU layer = c(with_other_weights);
    Tensor x = c.in(0);
    x.set_requires_grad();
    const Tensor y = layer(x);
    c.expect(y);
    c.expect_gradients(layer, {y}, {{0, x}});
  };
  same(Case("swiglu"), SwiGLU(6, 16));
  same(Case("swiglu_bias"), SwiGLU(6, 16, {.bias = true}));
  Case("encoder_layer_swiglu")
      .expect_same(TransformerEncoderLayer(
          8, 2, {.dim_feedforward = 12, .activation = Activation::swiglu, .batch_first = true}));
  const Case decoder("decoder_layer_swiglu");
  decoder.expect(decoder(TransformerDecoderLayer(
      8, 2, {.dim_feedforward = 12, .activation = Activation::swiglu, .norm_first = true}))(
      decoder.in(0), decoder.in(1)));
  EXPECT_EQ(SwiGLU(6, 16).num_parameters(), 3 * 6 * 16);
}

// Two training forwards: outputs, singular vectors, a gradient and a gradient of a gradient.
template <class M>
void expect_same_spectral(const Case& c, M plain, bool compiled) {
  const auto layer = c(spectral_norm(plain));
  layer.train();
  const auto body = [&](const Tensor& x) -> Tensors {
    Tensor at = x.detach();
    at.set_requires_grad();
    const Tensor y = layer(at), loss = sum(square(y));
    const Tensor first = grad({loss}, {layer.weight})[0];
    const Tensor slope = grad({loss}, {at}, {.create_graph = true})[0];
    return {y, first, grad({sum(square(slope))}, {layer.weight})[0]};
  };
  auto step = compile(body);
  const auto run = [&] { return compiled ? step(c.in(0)) : body(c.in(0)); };
  run();
  const Tensors got = run();
  c.expect(got[0], 0), c.expect(layer.weight_u, 1), c.expect(layer.weight_v, 2);
  c.expect(got[1], 3), c.expect(got[2], 4);
}

TEST(LikePyTorch, SpectralNorm) {
  for (const bool compiled : {false, true}) {
    expect_same_spectral(Case("spectral_linear"), Linear(5, 4), compiled);
    expect_same_spectral(Case("spectral_conv2d"), Conv2d(2, 4, 3, {.padding = 1}), compiled);
    expect_same_spectral(Case("spectral_conv_transpose2d"),
                         ConvTranspose2d(3, 2, 4, {.stride = 2, .padding = 1}), compiled);
  }
}

}  // namespace cairn::nn
