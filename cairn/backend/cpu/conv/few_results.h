// Convolution whose result has few channels: the gradient of a picture, what a generator draws, the
// last layer of a network that paints. Blocks of channels would be mostly padding, so the columns
// of the product are the result's channels at all taps of the kernel at once: each pixel of the
// source is multiplied by all of them, and its products are added to the places that they go to.
//
// Source: f32, channel-blocked [N][K/b][height][width][b], b the lanes of a vector, padded lanes 0;
// result: f32, plain [N][C][height][width]; one or two spatial dimensions. Nothing here allocates
// after construction; a plan is immutable. The result does not depend on the number of threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cairn/backend/cpu/conv/geometry.h"

namespace cairn::cpu {

// Tap (i, j) of source pixel (y, x) goes to (y * step - pad + i * dilation, x * step - pad + j).
struct FewResultsShape {
  int64_t batch = 1, channels = 1, results = 1;  // channels: of the source
  int64_t height = 1, width = 1, result_height = 1, result_width = 1;
  int64_t taps_down = 1, taps_across = 1, step_down = 1, step_across = 1, dilation_down = 1;
  int64_t pad_down = 0, pad_across = 0;
  // Of the weight: floats from one channel of the source, or of the result, to the next; turned:
  // its taps go backwards.
  int64_t weight_channel = 0, weight_result = 0;
  bool turned = false;

  static FewResultsShape input_gradient(const ConvGeometry& forward);
  static FewResultsShape forward(const ConvGeometry& forward);  // of step 1
};

class FewResults {
 public:
  // Two spatial dimensions at most, taps next to each other across, no more than a vector has
  // lanes.
  static bool fits(const ConvGeometry& forward);
  static int block();  // channels a block; 0: there is no kernel for the instruction set in use

  FewResults(const FewResultsShape& shape, int threads);
  size_t workspace_bytes() const;
  // w: PyTorch's order; bias [C] or null.
  void run(const float* source, const float* w, float* result, const float* bias, bool relu,
           void* workspace) const;

 private:
  friend class FewResultsWorker;
  void pack(const float* w, float* packed) const;

  FewResultsShape s_;
  int threads_;
  int64_t vector_;                  // places of a line of taps: a power of two
  int64_t in_blocks_, out_blocks_;  // of the source's channels; of the product's columns
  int64_t pixels_;                  // that are multiplied at a time
  int64_t lines_, line_;            // of the result that are added to at a time; floats of one
  int64_t bands_;                   // parts of an image, for threads of their own
  int64_t packed_floats_, product_floats_, thread_floats_;
};

}  // namespace cairn::cpu
