#include "cairn/models/pix2pix.h"

#include <algorithm>

#include "cairn/base/error.h"

namespace cairn::models {
namespace {

constexpr int64_t kDeepest = 8, kWidest = 8, kDropped = 3;
constexpr double kSlope = 0.2;

}  // namespace

int64_t unet_depth(int64_t side) {
  int64_t depth = 0;
  while (side > 1 && side % 2 == 0 && depth < kDeepest) side /= 2, ++depth;
  return depth;
}

PictureUNet::PictureUNet(int64_t in, int64_t out, int64_t side, int64_t width) {
  const int64_t depth = unet_depth(side);
  check(depth >= 2, "U-Net: pictures of {0} x {0}; sides that halve twice are wanted", side);
  const auto channels_at = [&](int64_t level) {
    return width * std::min(kWidest, int64_t{1} << level);
  };
  // A plane of one pixel is its own mean: normalised, nothing would be left of it.
  const auto has_one_pixel = [&](int64_t level) { return side >> (level + 1) == 1; };
  for (int64_t level = 0; level < depth; ++level) {
    nn::Sequential step;
    if (level > 0) step.push_back(nn::LeakyReLU(kSlope));
    step.push_back(nn::Conv2d(level ? channels_at(level - 1) : in, channels_at(level), 4,
                              {.stride = 2, .padding = 1}));
    if (level > 0 && !has_one_pixel(level)) step.push_back(nn::InstanceNorm(channels_at(level)));
    down.push_back(step);
  }
  for (int64_t level = depth - 1; level >= 0; --level) {
    const int64_t beside = level == depth - 1 ? 1 : 2;
    nn::Sequential step;
    step.push_back(nn::ReLU());
    step.push_back(nn::ConvTranspose2d(beside * channels_at(level),
                                       level ? channels_at(level - 1) : out, 4,
                                       {.stride = 2, .padding = 1}));
    if (level == 0) step.push_back(nn::Tanh());
    else step.push_back(nn::InstanceNorm(channels_at(level - 1)));
    const bool inner = level >= std::max<int64_t>(1, depth - 1 - kDropped) && level < depth - 1;
    if (inner) step.push_back(nn::Dropout(0.5));
    up.push_back(step);
  }
}

Tensor PictureUNet::forward(Tensor x) {
  Tensors kept;
  for (nn::Sequential& step : down) kept.push_back(x = step(x));
  for (size_t i = 0; i < up.size(); ++i)
    x = up[i](i == 0 ? x : cat({x, kept[kept.size() - 1 - i]}, 1));
  return x;
}

PatchDiscriminator::PatchDiscriminator(int64_t channels, int64_t width, int64_t strided) {
  int64_t in = channels, out = width;
  for (int64_t i = 0; i <= strided; ++i) {
    const int64_t stride = i < strided ? 2 : 1;
    net.push_back(nn::Conv2d(in, out, 4, {.stride = stride, .padding = 1}));
    if (i > 0) net.push_back(nn::InstanceNorm(out));
    net.push_back(nn::LeakyReLU(kSlope));
    in = out, out = width * std::min(kWidest, int64_t{2} << i);
  }
  net.push_back(nn::Conv2d(in, 1, 4, {.padding = 1}));
}

}  // namespace cairn::models
