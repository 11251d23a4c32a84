// Windows of images as columns, and pixels moved between channels and places.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

struct UnfoldOptions {  // each one number for all dimensions, or one each
  Ints kernel;
  Ints stride = {1};
  Ints padding = {0};
  Ints dilation = {1};
};
// x [N, C, spatial...] -> [N, C * kernel elements, windows] (im2col; PyTorch's F.unfold, in 1 to 3
// dimensions).
Tensor unfold(In x, const UnfoldOptions& options);
// The transpose of unfold: windows added into an image of the given spatial size (F.fold).
Tensor fold(In columns, const Ints& spatial, const UnfoldOptions& options);

Tensor pixel_shuffle(In x,
                     int64_t factor);  // [N, C f f, H, W] -> [N, C, H f, W f] (Shi et al. 2016)
Tensor pixel_unshuffle(In x, int64_t factor);  // its inverse
Tensor channel_shuffle(In x, int64_t groups);  // [N, g c, ...] -> [N, c g, ...] (Zhang et al. 2018)

}  // namespace cairn
