// Convolution as a matrix product: rows are output pixels, columns output channels, and the depth
// runs over the kernel's taps and the input's channels. The
// input is gathered a block at a time into a buffer that stays in the L2 cache ("implicit GEMM":
// Chetlur et al. (2014), "cuDNN: Efficient Primitives for Deep Learning"), so any size, stride,
// dilation and padding runs at the speed of a product. 1x1 kernels read it where it lies.
//
// Activations: f32, channel-blocked [N][C/b][spatial][b], b the lanes of a vector; padded lanes are
// written as zero. Nothing here allocates after construction. A plan is immutable: several threads
// may run one at a time.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cairn/backend/cpu/conv/geometry.h"
#include "cairn/backend/cpu/winograd/winograd.h"

namespace cairn::cpu {

// Where the weight of a product lies that takes channel i to channel o at a tap (z, y, x): at
// (o / outs) * group + o % outs * out + i % ins * in + the tap's place in the kernel, if i and o
// are of one group.
struct WeightView {
  int64_t outs = 1, ins = 1, out = 0, in = 0, group = 0;
  TapView taps;
};

class ImplicitGemm {
 public:
  ImplicitGemm(const ConvGeometry& shape, int threads);
  // Channels a block, as the instruction set in use wants them; 0: there is no kernel for it.
  static int block();
  // Of the packed weights: the same for images of any size.
  size_t weight_bytes() const;
  // w [O][I][taps], PyTorch's order.
  void pack_weights(const float* w, float* packed) const;
  void pack_weights(const float* w, const WeightView& view, float* packed) const;
  size_t workspace_bytes() const;
  // y = relu(convolution + bias + residual), see ConvEpilogue.
  void run(const float* x, const float* packed, float* y, const ConvEpilogue& epilogue,
           void* workspace) const;

 private:
  bool by_panels() const;  // weights, not pixels, are most of what is read
  ConvGeometry shape_;
  int threads_;
};

}  // namespace cairn::cpu
