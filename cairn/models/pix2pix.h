// The two networks of pix2pix (Isola et al. 2017): a generator that turns one picture into another,
// and a discriminator that judges patches of the two together.
#pragma once
#include "cairn/nn/nn.h"

namespace cairn::models {

// Halvings of a side until it is odd, at most 8: the depth of the U-Net.
int64_t unet_depth(int64_t side);

// U-Net (Ronneberger et al. 2015) as pix2pix has it: every level halves the picture by a 4x4
// convolution, and on the way back gets what it was before beside it. Instance normalisation (batch
// size 1 is what suits), dropout in the innermost levels while training. x [N, in, side, side] in
// [-1, 1] -> [N, out, side, side] in [-1, 1]; `width` channels after the first level, at most eight
// times as many further in. Throws Error for a side that is odd.
struct PictureUNet : nn::Module {
  PictureUNet(int64_t in, int64_t out, int64_t side, int64_t width);
  Tensor forward(Tensor x) override;

  nn::ModuleList<nn::Sequential> down = child("down", nn::ModuleList<nn::Sequential>());
  nn::ModuleList<nn::Sequential> up = child("up", nn::ModuleList<nn::Sequential>());
};

// Scores [N, 1, h, w] of patches: 70 pixels with three strided convolutions, 34 with two, which see
// as much of a picture of 128 pixels as those of one of 256.
struct PatchDiscriminator : nn::Module {
  PatchDiscriminator(int64_t channels, int64_t width, int64_t strided);
  Tensor forward(Tensor x) override { return net(x); }

  nn::Sequential net = child("net", nn::Sequential());
};

}  // namespace cairn::models
