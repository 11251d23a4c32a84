// The gradient of a convolution's weight: for each tap of the kernel a product of the input's
// channels with those of the output's gradient, summed over pixels. A tile is a block of input
// channels by two blocks of output channels, in registers, over pixels whose gradients stay in the
// L1 cache.
//
// x, dy: f32, channel-blocked [N][C/b][spatial][b], b the lanes of a vector, padded lanes zero.
// Nothing here allocates after construction; a plan is immutable. The sums' order depends on the
// shape and the number of threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cairn/backend/cpu/conv/implicit_gemm.h"

namespace cairn::cpu {

class WeightGradient {
 public:
  WeightGradient(const ConvGeometry& shape, int threads);
  // Channels a block, as the instruction set in use wants them; 0: there is no kernel for it.
  static int block();
  size_t workspace_bytes() const;
  // Weights that no group has are left out.
  void run(const float* x, const float* dy, const WeightView& view, float* dw,
           void* workspace) const;

 private:
  friend class WeightGradientWorker;
  struct Range {
    int64_t begin, end;
  };
  float* sums_of(int64_t slice, int64_t panel, int64_t block, float* all) const;
  void write(const float* all, int64_t panel, int64_t block, const WeightView& view,
             float* dw) const;

  ConvGeometry s_;
  int threads_;
  int64_t in_blocks_, out_blocks_, panels_;
  int64_t images_, lines_;  // of a chunk of pixels: whole images, or lines of one plane
  // An item of work: some panels of output channels by a part of the input's blocks, over a slice
  // of the images, whose sums stay in the L2 cache.
  int64_t groups_ = 1, parts_ = 1, slices_ = 1;
  std::vector<Range> inside_[3];  // outputs for which a tap of a dimension meets the image
};

}  // namespace cairn::cpu
