// Convolutional networks for images and clips. Parameter names and shapes are those of the PyTorch
// definitions that the benchmark compares with, so that weights move both ways.
#pragma once
#include "cairn/nn/nn.h"

namespace cairn::models {

// Two convolutions and two linear layers: x [N, 1, 28, 28] -> [N, 10]; channels and classes may
// differ.
struct LeNet : nn::Module {
  explicit LeNet(int64_t channels = 1, int64_t classes = 10, int64_t width = 32,
                 int64_t hidden = 128);
  Tensor forward(Tensor x) override;

  nn::Conv2d c1, c2;
  nn::Linear f1, f2;
};

// He et al. 2016: two 3x3 convolutions beside a shortcut.
struct BasicBlock : nn::Module {
  BasicBlock(int64_t in, int64_t out, int64_t stride);
  Tensor forward(Tensor x) override;

  nn::Conv2d c1;
  nn::BatchNorm2d b1;
  nn::Conv2d c2;
  nn::BatchNorm2d b2;
  nn::Sequential shortcut;  // registered as "short"
};

// He et al. 2016: 1x1, 3x3 (with the stride), 1x1 to four times `mid`.
struct Bottleneck : nn::Module {
  Bottleneck(int64_t in, int64_t mid, int64_t stride);
  Tensor forward(Tensor x) override;

  nn::Conv2d c1;
  nn::BatchNorm2d b1;
  nn::Conv2d c2;
  nn::BatchNorm2d b2;
  nn::Conv2d c3;
  nn::BatchNorm2d b3;
  nn::Sequential shortcut;
};

// ResNet-18 for small images, with a 3x3 stem: x [N, channels, 32, 32]. `width` is the first
// stage's, of 64.
struct ResNet18Cifar : nn::Module {
  explicit ResNet18Cifar(int64_t classes = 10, int64_t channels = 3, int64_t width = 64);
  Tensor forward(Tensor x) override;

  nn::Sequential stem, body;
  nn::Linear head;
};

// ResNet-50: x [N, 3, 224, 224] -> [N, classes]. `depths`: blocks a stage.
struct ResNet50 : nn::Module {
  explicit ResNet50(int64_t classes = 1000, int64_t width = 64, const Ints& depths = {3, 4, 6, 3});
  Tensor forward(Tensor x) override;

  nn::Sequential stem, body;
  nn::Linear head;
};

// A fast network for small images after Page's "How to train your ResNet" (2018): three stages, the
// first and last with a residual pair. x [N, channels, height, width], sides divisible by 8.
struct ResNet9 : nn::Module {
  explicit ResNet9(int64_t classes = 10, int64_t channels = 3, int64_t width = 64);
  Tensor forward(Tensor x) override;

  nn::Sequential prep, layer1, residual1, layer2, layer3, residual3;
  nn::Linear head;
};

// Iandola et al. 2016: a 1x1 convolution to few channels, then 1x1 and 3x3 side by side.
struct Fire : nn::Module {
  Fire(int64_t in, int64_t narrow, int64_t wide);
  Tensor forward(Tensor x) override;

  nn::Conv2d squeeze, one, three;
};
// SqueezeNet v1.0 for x [N, channels, 227, 227], or any sides from 35 on -> [N, classes]. Names of
// parameters are those of the published Caffe network.
struct SqueezeNet : nn::Module {
  explicit SqueezeNet(int64_t classes = 1000, int64_t channels = 3);
  Tensor forward(Tensor x) override;

  nn::Conv2d first;
  Fire f2, f3, f4, f5, f6, f7, f8, f9;
  nn::Conv2d last;
};

// Four blocks of 3-D convolution, global mean, linear: x [N, 3, frames, height, width].
struct VideoNet : nn::Module {
  explicit VideoNet(int64_t classes = 10, int64_t channels = 3, int64_t width = 32);
  Tensor forward(Tensor x) override;

  nn::ModuleList<nn::Sequential> blocks;
  nn::Linear head;
};

// Ronneberger et al. 2015, with batch norm and padding: four levels of two 3x3 convolutions, 2x2
// transposed convolutions up, skips by cat: x [N, channels, height, width] -> [N, 1, height,
// width], sides divisible by 8. `width`: of the first level; each further one has twice as many.
struct UNet : nn::Module {
  explicit UNet(int64_t channels = 3, int64_t width = 32);
  Tensor forward(Tensor x) override;

  nn::ModuleList<nn::Sequential> down;
  nn::ModuleList<nn::ConvTranspose2d> up;
  nn::ModuleList<nn::Sequential> join;
  nn::Conv2d head;
};

}  // namespace cairn::models
