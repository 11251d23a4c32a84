// Layers against PyTorch's, with its weights: tools/dump_layers.py wrote the file.
#include <gtest/gtest.h>

#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/io/safetensors.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/context.h"

namespace cairn::nn {
namespace {

Tensor load(const std::string& name) {
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
  void expect(const Tensor& got, int i = 0) const {
    const Tensor wanted = load(name_ + ".out." + std::to_string(i));
    ASSERT_EQ(got.shape(), wanted.shape()) << name_;
    const std::vector<float> a = got.to_vector<float>(), b = wanted.to_vector<float>();
    for (size_t k = 0; k < b.size(); ++k)
      ASSERT_NEAR(a[k], b[k], 1e-5 * (1 + std::abs(b[k])))
          << name_ << " output " << i << " at " << k;
  }
  template <class M>
  void expect_same(M layer) const {
    expect((*this)(layer)(in(0)));
  }

 private:
  std::string name_;
};

}  // namespace

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

TEST(LikePyTorch, Recurrence) {
  const Case both("lstm");
  const LstmResult r =
      both(LSTM(3, 4, {.num_layers = 2, .batch_first = true, .bidirectional = true}))(
          both.in(0), {both.in(1), both.in(2)});
  both.expect(r.output, 0), both.expect(r.h, 1), both.expect(r.c, 2);

  const Case plain("lstm_zero");
  const LstmResult z = plain(LSTM(3, 4, {.bias = false}))(plain.in(0));
  plain.expect(z.output, 0), plain.expect(z.h, 1), plain.expect(z.c, 2);

  const Case gru("gru");
  const auto g = gru(GRU(3, 4, {.num_layers = 2, .bidirectional = true}))(gru.in(0), gru.in(1));
  gru.expect(g.output, 0), gru.expect(g.h, 1);

  const Case rnn("rnn");
  const auto n = rnn(RNN(3, 4, {}, Nonlinearity::relu))(rnn.in(0));
  rnn.expect(n.output, 0), rnn.expect(n.h, 1);
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
