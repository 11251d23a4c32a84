// The network of Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (arXiv 2404.00498):
// a fixed convolution whitens small patches, three stages pool right behind their first
// convolution, which therefore does most of its work on few pixels. Jordan's bias behind the fixed
// convolution, which is learned for three epochs, is left out: no gradient goes that far down.
#pragma once
#include "cairn/nn/nn.h"

namespace cairn::models {

// 3x3, pooling 2x2, batch norm, GELU; 3x3, batch norm, GELU. Both convolutions begin with as many
// channels passed on unchanged as they take.
struct AirbenchStage : nn::Module {
  AirbenchStage(int64_t in, int64_t out);
  Tensor forward(Tensor x) override;

  nn::Conv2d c1;
  nn::BatchNorm2d b1;
  nn::Conv2d c2;
  nn::BatchNorm2d b2;
};

// x [N, channels, height, width], sides from 16 on -> [N, classes]. `width`: channels of the first
// stage; the others have four times as many.
struct Airbench : nn::Module {
  explicit Airbench(int64_t classes = 10, int64_t channels = 3, int64_t width = 64);
  Tensor forward(Tensor x) override;

  // Makes the first convolution that of these pictures [N, channels, height, width], normalised:
  // its filters are the eigenvectors of their patches' second moments, divided by the roots of the
  // eigenvalues, and the negatives of all. Until then they are drawn.
  void whiten(const Tensor& pictures);

  nn::Param patches;  // buffer [2 * channels * 2 * 2, channels, 2, 2]: not learned
  nn::ModuleList<AirbenchStage> stages;
  nn::Linear head;
};

}  // namespace cairn::models
