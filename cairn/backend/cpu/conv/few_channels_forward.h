// Convolution of inputs of few channels (pictures, sound), forward: the input is read as it lies,
// plain, since blocks of channels would be mostly padding. A tile is a run of output pixels of one
// row by two blocks of output channels; the lines of the input under it are copied once with their
// padding, so that its steps are the same everywhere.
//
// x: f32 [N][C][spatial], y: channel-blocked [N][O/b][spatial][b], b the lanes of a vector, padded
// lanes written as zero. Nothing here allocates after construction; a plan is immutable.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cairn/backend/cpu/conv/geometry.h"
#include "cairn/backend/cpu/winograd/winograd.h"

namespace cairn::cpu {

class FewChannelsForward {
 public:
  // Steps of 1 or 2 pixels along the last dimension.
  static bool fits(const ConvGeometry& shape) { return shape.stride[2] <= 2; }
  // Channels a block; 0: there is no kernel for the instruction set in use.
  static int block();

  FewChannelsForward(const ConvGeometry& shape, int threads);
  // Of the packed weights: the same for images of any size.
  size_t weight_bytes() const;
  // w [O][C][taps], PyTorch's order.
  void pack_weights(const float* w, float* packed) const;
  size_t workspace_bytes() const;
  // y = relu(convolution + bias + residual), see ConvEpilogue.
  void run(const float* x, const float* packed, float* y, const ConvEpilogue& epilogue,
           void* workspace) const;

 private:
  ConvGeometry shape_;
  int threads_;
};

}  // namespace cairn::cpu
