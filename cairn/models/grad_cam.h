// Which places of a picture spoke for a class (Grad-CAM, Selvaraju et al. 2017).
#pragma once
#include "cairn/nn/module.h"

namespace cairn::models {

// Of x [1, C, H, W] for a network that gives logits [1, classes]: the maps that its last layer over
// places gives (what is pooled or flattened afterwards), weighted by the mean gradient of the
// class's logit, what speaks against it cut off. f32 [h, w] from 0 to 1 (of a video, x [1, C, T, H,
// W]: [t, h, w]); undefined for a network
// without such maps (of one place, of tokens, or in 8 bits).
Tensor grad_cam(const nn::Module& network, const Tensor& x, int64_t label);

}  // namespace cairn::models
