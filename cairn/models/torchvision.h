// Networks for photographs with the names and shapes of torchvision's, so that its state dicts load
// unchanged (--init) and go back: ResNet-34 and -50 (He et al. 2016), MobileNetV2 (Sandler et al.
// 2018), ConvNeXt-Tiny (Liu et al. 2022), and a small Vision Transformer (Dosovitskiy et al. 2021;
// "tiny" as Touvron et al. 2021 have it) in the layout of torchvision's larger ones. x [N,
// channels, height, width] -> [N, classes]. Initial values are torchvision's; ConvNeXt's random
// depth, which has no weights, is left out.
#pragma once
#include <optional>

#include "cairn/nn/nn.h"

namespace cairn::models {

// Two 3x3 convolutions, or 1x1, 3x3 (with the stride), 1x1 to four times `mid`, beside a shortcut.
struct ResidualBlock : nn::Module {
  ResidualBlock(int64_t in, int64_t mid, int64_t stride, bool bottleneck);
  Tensor forward(Tensor x) override;

  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Conv2d conv2;
  nn::BatchNorm2d bn2;
  std::optional<nn::Conv2d> conv3;  // of a bottleneck
  std::optional<nn::BatchNorm2d> bn3;
  nn::Sequential downsample;
};

// `depths`: blocks of the four stages: {3, 4, 6, 3} for 34 (blocks of two) and 50 (bottlenecks).
struct ResNet : nn::Module {
  ResNet(const Ints& depths, bool bottleneck, int64_t classes = 1000, int64_t channels = 3);
  Tensor forward(Tensor x) override;

  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Sequential layers[4];
  nn::Linear fc;
};

// Steps, and past them x where shapes agree.
struct InvertedResidual : nn::Module {
  InvertedResidual(const nn::Sequential& steps, bool residual)
      : conv(child("conv", steps)), residual(residual) {}
  Tensor forward(Tensor x) override { return residual ? x + conv(x) : conv(x); }

  nn::Sequential conv;
  bool residual;
};

// Sides from 32 on.
struct MobileNetV2 : nn::Module {
  explicit MobileNetV2(int64_t classes = 1000, int64_t channels = 3);
  Tensor forward(Tensor x) override { return classifier(mean(features(x), {2, 3})); }

  nn::Sequential features = child("features", nn::Sequential());
  nn::Sequential classifier = child("classifier", nn::Sequential());
};

// A 7x7 convolution of each channel, an MLP over the channels, scaled, beside a shortcut.
struct ConvNeXtBlock : nn::Module {
  explicit ConvNeXtBlock(int64_t width);
  Tensor forward(Tensor x) override { return x + layer_scale * block(x); }

  nn::Param layer_scale;  // [width, 1, 1]
  nn::Sequential block;
};

// Sides from 32 on.
struct ConvNeXt : nn::Module {
  explicit ConvNeXt(int64_t classes = 1000, int64_t channels = 3, const Ints& depths = {3, 3, 9, 3},
                    int64_t width = 96);
  Tensor forward(Tensor x) override { return classifier(mean(features(x), {2, 3}, true)); }

  nn::Sequential features = child("features", nn::Sequential());
  nn::Sequential classifier = child("classifier", nn::Sequential());
};

// Attention and an MLP, each after a normalisation and beside a shortcut: x [N, tokens, width].
struct EncoderBlock : nn::Module {
  EncoderBlock(int64_t width, int64_t heads, int64_t hidden);
  Tensor forward(Tensor x) override;

  nn::LayerNorm ln_1;
  nn::MultiheadAttention self_attention;
  nn::LayerNorm ln_2;
  nn::Sequential mlp;
};

struct VitSize {
  int64_t side = 224, patch = 16, channels = 3, classes = 1000;
  int64_t width = 192, layers = 12, heads = 3, hidden = 768;
};
struct VitLayers : nn::Module {
  explicit VitLayers(const VitSize& size);
  Tensor forward(Tensor x) override;
  std::vector<EncoderBlock> blocks;  // "encoder_layer_0", ...
};
struct VitEncoder : nn::Module {
  explicit VitEncoder(const VitSize& size);
  Tensor forward(Tensor x) override;

  nn::Param pos_embedding;
  VitLayers layers;
  nn::LayerNorm ln;
};
struct VitHead : nn::Module {
  VitHead(int64_t width, int64_t classes);
  Tensor forward(Tensor x) override { return head(x); }
  nn::Linear head;
};
// Square pictures whose side is a multiple of the patch's.
struct VisionTransformer : nn::Module {
  explicit VisionTransformer(const VitSize& size);
  Tensor forward(Tensor x) override;

  nn::Param class_token;
  nn::Conv2d conv_proj;
  VitEncoder encoder;
  VitHead heads;
};

}  // namespace cairn::models
