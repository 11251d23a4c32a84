// What a network of convolutions looks for and at, as pictures.
#pragma once
#include "cairn/nn/module.h"
#include "cairn/train/report/page.h"

namespace cairn::train::report {

// [count, channels, height, width] values as tiles, in colour where there are three channels, each
// tile from its own smallest to its largest value.
io::Image tiles(const Tensor& maps, int columns);

// The first convolution's filters, and `picture`, which is x [1, C, H, W] for the network, through
// each of them; nothing for a network without convolutions.
void write_filters(Page& page, const nn::Module& network, const Tensor& x,
                   const io::Image& picture);

// A picture in grey, red where `map`, f32 [h, w] from 0 to 1, is high: what moved a decision.
io::Image highlighted(const io::Image& picture, const Tensor& map);

}  // namespace cairn::train::report
