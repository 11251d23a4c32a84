#include "cairn/models/gan.h"

#include "cairn/autograd/autograd.h"

namespace cairn::models {
namespace {

void add_up(nn::Sequential& net, int64_t in, int64_t out, int64_t stride, int64_t padding) {
  net.push_back(
      nn::ConvTranspose2d(in, out, 4, {.stride = stride, .padding = padding, .bias = false}));
  net.push_back(nn::BatchNorm2d(out));
  net.push_back(nn::ReLU());
}

void add_down(nn::Sequential& net, int64_t in, int64_t out, bool bias, bool norm) {
  net.push_back(nn::Conv2d(in, out, 4, {.stride = 2, .padding = 1, .bias = bias}));
  if (norm) net.push_back(nn::BatchNorm2d(out));
  net.push_back(nn::LeakyReLU(0.2));
}

}  // namespace

Generator32::Generator32(int64_t z, int64_t width, int64_t channels)
    : net(child("net", nn::Sequential())) {
  add_up(net, z, width * 4, 1, 0);
  add_up(net, width * 4, width * 2, 2, 1);
  add_up(net, width * 2, width, 2, 1);
  net.push_back(nn::ConvTranspose2d(width, channels, 4, {.stride = 2, .padding = 1}));
  net.push_back(nn::Tanh());
}
Tensor Generator32::forward(Tensor z) { return net(reshape(z, {z.size(0), z.size(1), 1, 1})); }

Discriminator32::Discriminator32(int64_t width, bool norm, int64_t channels)
    : net(child("net", nn::Sequential())) {
  add_down(net, channels, width, true, false);
  add_down(net, width, width * 2, !norm, norm);
  add_down(net, width * 2, width * 4, !norm, norm);
  net.push_back(nn::Conv2d(width * 4, 1, 4));
}
Tensor Discriminator32::forward(Tensor x) { return flatten(net(x), 0); }

Tensor gradient_penalty(const nn::Module& critic, const Tensor& real, const Tensor& fake,
                        const Tensor& eps) {
  Tensor mix = (eps * real + (1.0 - eps) * fake).detach();
  mix.set_requires_grad();
  const Tensor slope = grad({sum(critic(mix))}, {mix}, {.create_graph = true})[0];
  return mean(square(norm(flatten(slope, 1), {1}) - 1.0));
}

}  // namespace cairn::models
