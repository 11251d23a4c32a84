#include "cairn/models/cnn.h"

#include "cairn/nn/init.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

nn::Conv2d conv(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding) {
  return nn::Conv2d(in, out, kernel, {.stride = stride, .padding = padding, .bias = false});
}

// What carries x past a block: nothing where shapes agree, else a 1x1 convolution.
nn::Sequential shortcut_of(int64_t in, int64_t out, int64_t stride) {
  if (stride == 1 && in == out) return {};
  return nn::Sequential(conv(in, out, 1, stride, 0), nn::BatchNorm2d(out));
}

nn::Sequential conv_block(int64_t in, int64_t out) {
  return nn::Sequential(conv(in, out, 3, 1, 1), nn::BatchNorm2d(out), nn::ReLU());
}
nn::Sequential pooled_block(int64_t in, int64_t out) {
  return nn::Sequential(conv(in, out, 3, 1, 1), nn::BatchNorm2d(out), nn::ReLU(), nn::MaxPool2d(2));
}
nn::Sequential residual_pair(int64_t width) {
  return nn::Sequential(conv_block(width, width), conv_block(width, width));
}

}  // namespace

LeNet::LeNet(int64_t channels, int64_t classes, int64_t width, int64_t hidden)
    : c1(child("c1", nn::Conv2d(channels, width, 3, {.padding = 1}))),
      c2(child("c2", nn::Conv2d(width, 2 * width, 3, {.padding = 1}))),
      f1(child("f1", nn::Linear(2 * width * 7 * 7, hidden))),
      f2(child("f2", nn::Linear(hidden, classes))) {}

Tensor LeNet::forward(Tensor x) {
  x = max_pool2d(relu(c1(x)), 2);
  x = max_pool2d(relu(c2(x)), 2);
  return f2(relu(f1(flatten(x, 1))));
}

BasicBlock::BasicBlock(int64_t in, int64_t out, int64_t stride)
    : c1(child("c1", conv(in, out, 3, stride, 1))),
      b1(child("b1", nn::BatchNorm2d(out))),
      c2(child("c2", conv(out, out, 3, 1, 1))),
      b2(child("b2", nn::BatchNorm2d(out))),
      shortcut(child("short", shortcut_of(in, out, stride))) {}

Tensor BasicBlock::forward(Tensor x) {
  const Tensor y = relu(b1(c1(x)));
  return relu(b2(c2(y)) + shortcut(x));
}

Bottleneck::Bottleneck(int64_t in, int64_t mid, int64_t stride)
    : c1(child("c1", conv(in, mid, 1, 1, 0))),
      b1(child("b1", nn::BatchNorm2d(mid))),
      c2(child("c2", conv(mid, mid, 3, stride, 1))),
      b2(child("b2", nn::BatchNorm2d(mid))),
      c3(child("c3", conv(mid, 4 * mid, 1, 1, 0))),
      b3(child("b3", nn::BatchNorm2d(4 * mid))),
      shortcut(child("short", shortcut_of(in, 4 * mid, stride))) {}

Tensor Bottleneck::forward(Tensor x) {
  Tensor y = relu(b1(c1(x)));
  y = relu(b2(c2(y)));
  return relu(b3(c3(y)) + shortcut(x));
}

ResNet18Cifar::ResNet18Cifar(int64_t classes, int64_t channels, int64_t width)
    : stem(child("stem", conv_block(channels, width))),
      body(child("body", nn::Sequential())),
      head(child("head", nn::Linear(8 * width, classes))) {
  int64_t in = width;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t out = width << stage;
    body.push_back(BasicBlock(in, out, stage == 0 ? 1 : 2));
    body.push_back(BasicBlock(out, out, 1));
    in = out;
  }
}
Tensor ResNet18Cifar::forward(Tensor x) { return head(mean(body(stem(x)), {2, 3})); }

ResNet50::ResNet50(int64_t classes, int64_t width, const Ints& depths)
    : stem(child("stem", nn::Sequential(conv(3, width, 7, 2, 3), nn::BatchNorm2d(width), nn::ReLU(),
                                        nn::MaxPool2d(3, {.stride = 2, .padding = 1})))),
      body(child("body", nn::Sequential())),
      head(child("head", nn::Linear((width * 4) << (depths.ssize() - 1), classes))) {
  int64_t in = width;
  for (int stage = 0; stage < depths.ssize(); ++stage) {
    const int64_t mid = width << stage;
    for (int64_t i = 0; i < depths[stage]; ++i) {
      body.push_back(Bottleneck(in, mid, i == 0 && stage > 0 ? 2 : 1));
      in = 4 * mid;
    }
  }
}
Tensor ResNet50::forward(Tensor x) { return head(mean(body(stem(x)), {2, 3})); }

ResNet9::ResNet9(int64_t classes, int64_t channels, int64_t width)
    : prep(child("prep", conv_block(channels, width))),
      layer1(child("layer1", pooled_block(width, 2 * width))),
      residual1(child("residual1", residual_pair(2 * width))),
      layer2(child("layer2", pooled_block(2 * width, 4 * width))),
      layer3(child("layer3", pooled_block(4 * width, 8 * width))),
      residual3(child("residual3", residual_pair(8 * width))),
      head(child("head", nn::Linear(8 * width, classes, {.bias = false}))) {}

Tensor ResNet9::forward(Tensor x) {
  x = layer1(prep(x));
  x = layer3(layer2(x + residual1(x)));
  x = x + residual3(x);
  return head(amax(x, {2, 3})) * 0.125;
}

Fire::Fire(int64_t in, int64_t narrow, int64_t wide)
    : squeeze(child("conv1x1_1", nn::Conv2d(in, narrow, 1))),
      one(child("conv1x1_2", nn::Conv2d(narrow, wide, 1))),
      three(child("conv3x3_2", nn::Conv2d(narrow, wide, 3, {.padding = 1}))) {}
Tensor Fire::forward(Tensor x) {
  x = relu(squeeze(x));
  return cat({relu(one(x)), relu(three(x))}, 1);
}

SqueezeNet::SqueezeNet(int64_t classes, int64_t channels)
    : first(child("conv1", nn::Conv2d(channels, 96, 7, {.stride = 2}))),
      f2(child("fire2", Fire(96, 16, 64))),
      f3(child("fire3", Fire(128, 16, 64))),
      f4(child("fire4", Fire(128, 32, 128))),
      f5(child("fire5", Fire(256, 32, 128))),
      f6(child("fire6", Fire(256, 48, 192))),
      f7(child("fire7", Fire(384, 48, 192))),
      f8(child("fire8", Fire(384, 64, 256))),
      f9(child("fire9", Fire(512, 64, 256))),
      last(child("conv_final", nn::Conv2d(512, classes, 1, {.padding = 1}))) {
  // Without normalisation what is learned from must not fade over 18 layers (He et al. 2015).
  for (const auto& [name, p] : named_parameters())
    assign(p, p.rank() == 1 ? zeros(p.shape()) : nn::init::kaiming_uniform(p.shape()));
  assign(last.weight, nn::init::normal(last.weight.shape(), 0, 0.01));
}
Tensor SqueezeNet::forward(Tensor x) {
  x = max_pool2d(relu(first(x)), 3, 2);
  x = max_pool2d(f4(f3(f2(x))), 3, 2);
  x = max_pool2d(f8(f7(f6(f5(x)))), 3, 2);
  return mean(relu(last(f9(x))), {2, 3});
}

VideoNet::VideoNet(int64_t classes, int64_t channels, int64_t width)
    : blocks(child("blocks", nn::ModuleList<nn::Sequential>())),
      head(child("head", nn::Linear(8 * width, classes))) {
  int64_t in = channels;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t out = width << stage;
    blocks.push_back(nn::Sequential(nn::Conv3d(in, out, 3, {.padding = 1, .bias = false}),
                                    nn::BatchNorm3d(out), nn::ReLU(), nn::MaxPool3d(2)));
    in = out;
  }
}
Tensor VideoNet::forward(Tensor x) {
  for (nn::Sequential& block : blocks) x = block(x);
  return head(mean(x, {2, 3, 4}));
}

UNet::UNet(int64_t channels, int64_t width)
    : down(child("down", nn::ModuleList<nn::Sequential>())),
      up(child("up", nn::ModuleList<nn::ConvTranspose2d>())),
      join(child("join", nn::ModuleList<nn::Sequential>())),
      head(child("head", nn::Conv2d(width, 1, 1))) {
  const auto pair = [](int64_t in, int64_t out) {
    return nn::Sequential(conv(in, out, 3, 1, 1), nn::BatchNorm2d(out), nn::ReLU(),
                          conv(out, out, 3, 1, 1), nn::BatchNorm2d(out), nn::ReLU());
  };
  for (int level = 0; level < 4; ++level)
    down.push_back(pair(level == 0 ? channels : width << (level - 1), width << level));
  for (int level = 0; level < 3; ++level) {
    up.push_back(nn::ConvTranspose2d(width << (level + 1), width << level, 2, {.stride = 2}));
    join.push_back(pair(width << (level + 1), width << level));
  }
}
Tensor UNet::forward(Tensor x) {
  Tensors skips;
  for (nn::Sequential& level : down) {
    x = level(skips.empty() ? x : max_pool2d(x, 2));
    skips.push_back(x);
  }
  for (int level = 2; level >= 0; --level) x = join[level](cat({up[level](x), skips[level]}, 1));
  return head(x);
}

}  // namespace cairn::models
