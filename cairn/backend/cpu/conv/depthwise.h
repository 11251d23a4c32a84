// Depthwise convolution: each channel by a kernel of its own, in all three directions. A vector's
// lanes are channels.
//
// x, y: f32, channel-blocked [N][C/b][spatial][b], b the lanes of a vector, padded lanes written as
// zero; w plain [C][1][taps], packed in each run. Nothing here allocates after construction; a plan
// is immutable. The sums' order depends on the shape and the number of threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cairn/backend/cpu/conv/geometry.h"
#include "cairn/backend/cpu/winograd/winograd.h"

namespace cairn::cpu {

class Depthwise {
 public:
  static constexpr int64_t kMostTaps = 512;
  static bool fits(const ConvGeometry& g) { return g.taps() <= kMostTaps; }
  // g: of the forward convolution, whose channels are `channels`.
  Depthwise(const ConvGeometry& g, int64_t channels, ConvDirection direction, int threads);
  size_t workspace_bytes() const;
  // One of x, w, y is written. The epilogue is for y alone.
  void run(const float* x, const float* w, const float* y, const ConvEpilogue& epilogue,
           void* workspace) const;

 private:
  friend class DepthwiseWorker;
  struct Phase {  // of the input's gradient; forward there is one
    ConvGeometry g;
    TapView taps;
  };
  int64_t packed_floats() const;  // of a block of channels
  void pack(const float* w, float* packed) const;
  void run_pixels(const float* from, const float* w, float* to, const ConvEpilogue& epilogue,
                  float* packed) const;
  void run_weights(const float* x, const float* dy, float* dw, float* sums) const;

  ConvGeometry g_;
  int64_t channels_, blocks_;
  ConvDirection direction_;
  int threads_;
  std::vector<Phase> phases_;
  int64_t slices_ = 1;  // of the images: the weight's gradient sums them apart
};

}  // namespace cairn::cpu
