// Convolution in bf16 as matrix products over gathered pixels ("im2col"; Chellapilla, Puri and
// Simard, "High Performance Convolutional Neural Networks for Document Processing", 2006), for
// processors whose products are much quicker than what moves their operands: AMX. What lies under
// some pixels' windows is copied into rows that stay in the L2 cache, and these are multiplied by
// the weight, packed once a run.
//
// Activations: bf16, channel-blocked [N][C/16][spatial...][16], padded lanes zero (and written as
// zero). Plans are immutable and never allocate; workspaces are 64-byte aligned. Results do not
// depend on the number of threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cairn/backend/cpu/conv/geometry.h"
#include "cairn/backend/cpu/gemm/gemm_bf16.h"

namespace cairn::cpu {

bool has_gathered_bf16();

// y = x * w, or dx from dy: one convolution of dy for each remainder of the stride.
class GatheredBf16 {
 public:
  GatheredBf16(const ConvGeometry& forward, bool backward, int threads);
  size_t workspace_bytes() const;
  // w: [O/16][I/16][taps][16 i][16 o], for the gradient of the input [O/16][I/16][taps][16 o][16
  // i].
  void run(const uint16_t* x, const uint16_t* w, uint16_t* y, void* workspace) const;

 private:
  friend class GatheredBf16Worker;
  struct Part {
    ConvGeometry g;  // of a convolution that makes some of the result's pixels
    TapView taps;
    int64_t depth;   // of its product: taps times whole blocks of channels; 0: no tap meets them
    size_t packed;   // bytes before its packed weight
    int64_t rows;    // pixels that are gathered at a time
    int64_t chunks;  // of so many pixels
  };
  int64_t panels() const;
  int64_t panel_elements(const Part& part) const;

  bool backward_;
  int threads_;
  std::vector<Part> parts_;
  size_t packed_bytes_ = 0, rows_bytes_ = 0, results_bytes_ = 0;  // the last two: of a thread
};

// dw = the gradient of the weight, bf16 [O/16][I/16][taps][16 i][16 o].
class GatheredBf16Weights {
 public:
  GatheredBf16Weights(const ConvGeometry& forward, int threads);
  size_t workspace_bytes() const;
  void run(const uint16_t* x, const uint16_t* dy, uint16_t* dw, void* workspace) const;

 private:
  GemmShape shape(int64_t pixels) const;
  Bf16Operand windows(const uint16_t* rows) const;
  Bf16Operand gradients(const uint16_t* rows) const;

  ConvGeometry g_;
  int threads_;
  int64_t depth_, outputs_;  // taps times whole blocks of input channels; whole blocks of outputs
  int64_t rows_;             // pixels that are gathered at a time
  size_t rows_bytes_, gradients_bytes_, sums_bytes_;
};

}  // namespace cairn::cpu
