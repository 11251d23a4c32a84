#include "cairn/models/torchvision.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"

namespace cairn::models {
namespace {

nn::Conv2d unbiased(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t groups = 1) {
  return nn::Conv2d(in, out, kernel,
                    {.stride = stride, .padding = kernel / 2, .groups = groups, .bias = false});
}

// What carries x past a block: nothing where shapes agree.
nn::Sequential downsample_of(int64_t in, int64_t out, int64_t stride) {
  if (stride == 1 && in == out) return {};
  return nn::Sequential(unbiased(in, out, 1, stride), nn::BatchNorm2d(out));
}

nn::Sequential stage_of(int64_t in, int64_t mid, int64_t count, int64_t stride, bool bottleneck) {
  nn::Sequential stage;
  for (int64_t i = 0; i < count; ++i) {
    stage.push_back(ResidualBlock(in, mid, i == 0 ? stride : 1, bottleneck));
    in = bottleneck ? 4 * mid : mid;
  }
  return stage;
}

// Convolutions by He et al. 2015 over what goes out, biases 0; linear layers N(0, deviation), or as
// they are where it is 0.
void initialize(const nn::Module& network, double deviation) {
  for (const auto& [name, p] : network.named_parameters()) {
    if (p.rank() == 4) assign(p, nn::init::kaiming_normal(p.shape(), 0, nn::init::Fan::out));
    if (deviation == 0) continue;
    if (p.rank() == 2) assign(p, nn::init::normal(p.shape(), 0, deviation));
    if (name.ends_with("bias")) assign(p, zeros(p.shape()));
  }
}

// A module without weights that calls a function.
struct Calls : nn::Module {
  explicit Calls(Tensor (*function)(const Tensor& x)) : function(function) {}
  Tensor forward(Tensor x) override { return function(x); }
  Tensor (*function)(const Tensor& x);
};
Tensor channels_last(const Tensor& x) { return permute(x, {0, 2, 3, 1}); }
Tensor channels_first(const Tensor& x) { return permute(x, {0, 3, 1, 2}); }

// Layer normalisation over the channels of [N, C, H, W].
struct LayerNorm2d : nn::LayerNorm {
  explicit LayerNorm2d(int64_t channels) : nn::LayerNorm(channels, {.eps = 1e-6}) {}
  Tensor forward(Tensor x) override {
    return channels_first(nn::LayerNorm::forward(channels_last(x)));
  }
};

}  // namespace

ResidualBlock::ResidualBlock(int64_t in, int64_t mid, int64_t stride, bool bottleneck)
    : conv1(child("conv1", bottleneck ? unbiased(in, mid, 1, 1) : unbiased(in, mid, 3, stride))),
      bn1(child("bn1", nn::BatchNorm2d(mid))),
      conv2(child("conv2", unbiased(mid, mid, 3, bottleneck ? stride : 1))),
      bn2(child("bn2", nn::BatchNorm2d(mid))),
      conv3(bottleneck ? std::optional(child("conv3", unbiased(mid, 4 * mid, 1, 1)))
                       : std::nullopt),
      bn3(bottleneck ? std::optional(child("bn3", nn::BatchNorm2d(4 * mid))) : std::nullopt),
      downsample(child("downsample", downsample_of(in, bottleneck ? 4 * mid : mid, stride))) {}

Tensor ResidualBlock::forward(Tensor x) {
  Tensor y = bn2(conv2(relu(bn1(conv1(x)))));
  if (conv3) y = (*bn3)((*conv3)(relu(y)));
  return relu(y + downsample(x));
}

ResNet::ResNet(const Ints& depths, bool bottleneck, int64_t classes, int64_t channels)
    : conv1(child("conv1", unbiased(channels, 64, 7, 2))),
      bn1(child("bn1", nn::BatchNorm2d(64))),
      layers{child("layer1", stage_of(64, 64, depths[0], 1, bottleneck)),
             child("layer2", stage_of(bottleneck ? 256 : 64, 128, depths[1], 2, bottleneck)),
             child("layer3", stage_of(bottleneck ? 512 : 128, 256, depths[2], 2, bottleneck)),
             child("layer4", stage_of(bottleneck ? 1024 : 256, 512, depths[3], 2, bottleneck))},
      fc(child("fc", nn::Linear(bottleneck ? 2048 : 512, classes))) {
  initialize(*this, 0);
}

Tensor ResNet::forward(Tensor x) {
  x = max_pool2d(relu(bn1(conv1(x))), 3, 2, 1);
  for (nn::Sequential& stage : layers) x = stage(x);
  return fc(mean(x, {2, 3}));
}

MobileNetV2::MobileNetV2(int64_t classes, int64_t channels) {
  struct Stage {
    int64_t expansion, channels, count, stride;
  };
  static constexpr Stage kStages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                      {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  const auto activated = [](int64_t in, int64_t out, int64_t kernel, int64_t stride,
                            int64_t groups) {
    return nn::Sequential(unbiased(in, out, kernel, stride, groups), nn::BatchNorm2d(out),
                          nn::ReLU6());
  };
  features.push_back(activated(channels, 32, 3, 2, 1));
  int64_t in = 32;
  for (const Stage& s : kStages)
    for (int64_t i = 0; i < s.count; ++i) {
      const int64_t wide = in * s.expansion, stride = i == 0 ? s.stride : 1;
      nn::Sequential steps;
      if (s.expansion > 1) steps.push_back(activated(in, wide, 1, 1, 1));
      steps.push_back(activated(wide, wide, 3, stride, wide));
      steps.push_back(unbiased(wide, s.channels, 1, 1));
      steps.push_back(nn::BatchNorm2d(s.channels));
      features.push_back(InvertedResidual(steps, stride == 1 && in == s.channels));
      in = s.channels;
    }
  features.push_back(activated(in, 1280, 1, 1, 1));
  classifier.push_back(nn::Dropout(0.2));
  classifier.push_back(nn::Linear(1280, classes));
  initialize(*this, 0.01);
}

ConvNeXt::ConvNeXt(int64_t classes, int64_t channels, const Ints& depths, int64_t width) {
  features.push_back(
      nn::Sequential(nn::Conv2d(channels, width, 4, {.stride = 4}), LayerNorm2d(width)));
  int64_t in = width;
  for (int stage = 0; stage < depths.ssize(); ++stage) {
    nn::Sequential blocks;
    for (int64_t i = 0; i < depths[stage]; ++i) blocks.push_back(ConvNeXtBlock(in));
    features.push_back(blocks);
    if (stage + 1 == depths.ssize()) break;
    features.push_back(nn::Sequential(LayerNorm2d(in), nn::Conv2d(in, 2 * in, 2, {.stride = 2})));
    in *= 2;
  }
  classifier.push_back(LayerNorm2d(in));
  classifier.push_back(nn::Flatten());
  classifier.push_back(nn::Linear(in, classes));
  // torchvision cuts them off at 2, a hundred deviations away.
  for (const auto& [name, p] : named_parameters()) {
    if (p.rank() == 4 || p.rank() == 2) assign(p, nn::init::normal(p.shape(), 0, 0.02));
    if (name.ends_with("bias")) assign(p, zeros(p.shape()));
  }
}

ConvNeXtBlock::ConvNeXtBlock(int64_t width)
    : layer_scale(param("layer_scale", full({width, 1, 1}, 1e-6))),
      block(child("block",
                  nn::Sequential(nn::Conv2d(width, width, 7, {.padding = 3, .groups = width}),
                                 Calls(channels_last), nn::LayerNorm(width, {.eps = 1e-6}),
                                 nn::Linear(width, 4 * width), nn::GELU(),
                                 nn::Linear(4 * width, width), Calls(channels_first)))) {}

EncoderBlock::EncoderBlock(int64_t width, int64_t heads, int64_t hidden)
    : ln_1(child("ln_1", nn::LayerNorm(width, {.eps = 1e-6}))),
      self_attention(
          child("self_attention", nn::MultiheadAttention(width, heads, {.batch_first = true}))),
      ln_2(child("ln_2", nn::LayerNorm(width, {.eps = 1e-6}))),
      mlp(child("mlp", nn::Sequential(nn::Linear(width, hidden), nn::GELU(), nn::Dropout(0),
                                      nn::Linear(hidden, width)))) {}

Tensor EncoderBlock::forward(Tensor x) {
  const Tensor y = ln_1(x);
  x = x + self_attention(y, y, y);
  return x + mlp(ln_2(x));
}

VitEncoder::VitEncoder(const VitSize& size)
    : pos_embedding(param(
          "pos_embedding",
          nn::init::normal({1, size.side / size.patch * (size.side / size.patch) + 1, size.width},
                           0, 0.02))),
      layers(child("layers", VitLayers(size))),
      ln(child("ln", nn::LayerNorm(size.width, {.eps = 1e-6}))) {}

Tensor VitEncoder::forward(Tensor x) { return ln(layers(x + pos_embedding)); }

VitLayers::VitLayers(const VitSize& size) {
  for (int64_t i = 0; i < size.layers; ++i)
    blocks.push_back(child(fmt::format("encoder_layer_{}", i),
                           EncoderBlock(size.width, size.heads, size.hidden)));
}

Tensor VitLayers::forward(Tensor x) {
  for (EncoderBlock& block : blocks) x = block(x);
  return x;
}

VitHead::VitHead(int64_t width, int64_t classes) : head(child("head", nn::Linear(width, classes))) {
  assign(head.weight, zeros(head.weight.shape()));
  assign(head.bias, zeros(head.bias.shape()));
}

VisionTransformer::VisionTransformer(const VitSize& size)
    : class_token((check(size.patch > 0 && size.side > 0 && size.side % size.patch == 0,
                         "vision transformer: a side of {} is no multiple of the patch's {}",
                         size.side, size.patch),
                   param("class_token", zeros({1, 1, size.width})))),
      conv_proj(child("conv_proj",
                      nn::Conv2d(size.channels, size.width, size.patch, {.stride = size.patch}))),
      encoder(child("encoder", VitEncoder(size))),
      heads(child("heads", VitHead(size.width, size.classes))) {
  const double deviation =
      std::sqrt(1.0 / static_cast<double>(size.channels * size.patch * size.patch));
  assign(conv_proj.weight, nn::init::normal(conv_proj.weight.shape(), 0, deviation));
  assign(conv_proj.bias, zeros(conv_proj.bias.shape()));
}

Tensor VisionTransformer::forward(Tensor x) {
  const Tensor patches = transpose(flatten(conv_proj(x), 2), 1, 2);
  const Tensor token = expand(class_token, {x.size(0), 1, class_token.size(2)});
  const Tensor y = encoder(cat({token, patches}, 1));
  return heads(reshape(slice(y, 1, 0, 1), {x.size(0), y.size(2)}));
}

}  // namespace cairn::models
