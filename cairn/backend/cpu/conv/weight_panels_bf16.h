// A convolution's weight in bf16 as B of a matrix product: panels of result channels, whose rows
// are pairs of the depth (gemm/panels_bf16.h).
#pragma once
#include <cstdint>

#include "cairn/backend/cpu/conv/geometry.h"

namespace cairn::cpu {

struct WeightPanels {
  const ConvGeometry& g;  // of the convolution that is made, forward or of a gradient
  const TapView& taps;    // which of the weight's taps are its
  bool backward;          // w: [O/16][I/16][taps][16 o][16 i], else [O/16][I/16][taps][16 i][16 o]
  int64_t tap_depth;      // of the product; even, beyond a tap's blocks of channels zeros
  int64_t panel_stride;   // elements from panel to panel

  int64_t pairs() const { return g.taps() * tap_depth / 2; }
  // Pairs [begin, end) of the depth, of all panels. `rows`: room for two rows of all channels.
  void pack(const uint16_t* w, int64_t begin, int64_t end, uint16_t* to, uint16_t* rows) const;

 private:
  void row(const uint16_t* w, int64_t depth, uint16_t* to) const;
};

}  // namespace cairn::cpu
