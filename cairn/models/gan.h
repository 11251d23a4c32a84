// DCGAN (Radford et al. 2016) for 32x32 images, and the gradient penalty of Gulrajani et al. 2017.
#pragma once
#include "cairn/nn/nn.h"

namespace cairn::models {

// Noise [N, z] -> images [N, channels, 32, 32] in [-1, 1].
struct Generator32 : nn::Module {
  explicit Generator32(int64_t z = 128, int64_t width = 64, int64_t channels = 3);
  Tensor forward(Tensor z) override;

  nn::Sequential net;
};

// Images [N, channels, 32, 32] -> one score each [N]. Without norm: the critic of a Wasserstein
// GAN.
struct Discriminator32 : nn::Module {
  explicit Discriminator32(int64_t width = 64, bool norm = true, int64_t channels = 3);
  Tensor forward(Tensor x) override;

  nn::Sequential net;
};

// mean((|d critic(mix) / d mix| - 1)^2) for mix = eps real + (1 - eps) fake; eps [N, 1, 1, 1].
Tensor gradient_penalty(const nn::Module& critic, const Tensor& real, const Tensor& fake,
                        const Tensor& eps);

}  // namespace cairn::models
