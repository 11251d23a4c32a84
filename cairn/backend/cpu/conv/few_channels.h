// The gradient of a convolution's weight where the input has few channels (pictures, sound): for
// each channel and tap of the kernel the sum, over all pixels, of the output's gradient times what
// lies under the tap. A library that blocks channels would mostly multiply padding.
//
// Input plain [N][C][spatial], gradient channel-blocked [N][C/b][spatial][b], b the lanes of a
// vector, weight plain [O][I][taps]; f32. Nothing here allocates after construction. A plan is
// immutable: several threads may run one at a time. The result does not depend on the number of
// threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cairn/backend/cpu/conv/geometry.h"

namespace cairn::cpu {

class FewChannelsGradient {
 public:
  FewChannelsGradient(const ConvGeometry& geometry, int threads);
  // Channels a block, as the instruction set in use wants them.
  static int block();
  size_t workspace_bytes() const;
  void run(const float* x, const float* dy, float* dw, void* workspace) const;

 private:
  friend class FewChannelsWorker;
  ConvGeometry g_;
  int threads_;
  // Pixels are taken in blocks, of whole rows where they are short; a block's window of the input
  // is copied with its padding.
  ConvGeometry::Sizes blocks_, window_;  // depth, height, width: how many; of the largest
  int64_t out_blocks_, sum_row_;     // blocks of channels; floats of a row of sums, whole panels
  int64_t slices_;                   // of all pixels, each with sums of its own
  std::vector<int64_t> taps_;        // of each channel and tap: where in the window
  size_t window_bytes_, sum_bytes_;  // of a thread, of a slice
};

}  // namespace cairn::cpu
