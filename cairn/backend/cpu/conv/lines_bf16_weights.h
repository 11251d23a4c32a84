// The gradient of a convolution's weight in bf16 by AMX, over lines as in lines_bf16.h: those of
// the result's gradient, transposed, times those of x as pairs of pixels, which begin some pixels
// further on for each tap; for taps that begin at odd ones the pairs are there a second time.
//
// What one core has brought into its L2 cache comes slowly to another: bands of lines are dealt in
// slices, each with sums of its own, unless these are many. A pixel that is no number may spoil the
// gradients of taps that do not meet it: at the ends of lines it is multiplied by zeros.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cairn/backend/cpu/conv/geometry.h"
#include "cairn/backend/cpu/conv/padded_planes.h"

namespace cairn::cpu {

// dw = the gradient of the weight, bf16 [O/16][I/16][taps][16 i][16 o].
class LinesBf16Weights {
 public:
  LinesBf16Weights(const ConvGeometry& forward, int threads);
  size_t workspace_bytes() const;
  void run(const uint16_t* x, const uint16_t* dy, uint16_t* dw, void* workspace) const;

 private:
  friend class LinesBf16WeightsRun;
  int64_t all_bands() const;
  int64_t blocks() const;      // of x in a band: one a plane and block of channels
  int64_t x_elements() const;  // of a band
  int64_t dy_elements() const;
  int64_t band_elements() const;
  int64_t out_pairs() const { return (out_blocks_ + 1) / 2; }
  int64_t tap_pairs() const { return (in_blocks_ * g_.taps() + 1) / 2; }
  int64_t sums() const;
  int64_t areas() const;          // for chunks of bands
  int64_t line_pointers() const;  // of a thread

  ConvGeometry g_;
  PaddedPlanes planes_;
  int threads_;
  int64_t in_blocks_, out_blocks_;
  int64_t lines_, bands_;      // of results in a band; of a slice
  int64_t positions_, pairs_;  // of a band: positions that are multiplied; pairs of a block of x
  int64_t copies_ = 1;         // of x: pairs that begin at even positions, and at odd ones
  int64_t slices_ = 1;  // of all bands, whose sums are added at the end; 1: all threads share
  int64_t chunk_;       // bands that are multiplied at a time
};

}  // namespace cairn::cpu
