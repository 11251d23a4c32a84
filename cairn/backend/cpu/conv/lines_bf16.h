// Convolution in bf16 by AMX, which multiplies several times as fast as it can be fed: nothing is
// copied for each tap. Pixels are brought once into padded lines that stay in the L2 cache
// (padded_planes.h); there the 16 rows of a tile, the pixels of 16 results next to each other, are
// read where each tap meets them. 32 results by 32 channels are summed in registers.
//
// Activations: bf16, channel-blocked [N][C/16][spatial...][16], padded lanes zero (and written as
// zero). Plans are immutable and never allocate; workspaces are 64-byte aligned. Results do not
// depend on the number of threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cairn/backend/cpu/conv/geometry.h"
#include "cairn/backend/cpu/conv/padded_planes.h"

namespace cairn::cpu {

bool has_lines_bf16();
// The part of what is multiplied that belongs to a result: the rest meets the padding of lines. 0:
// the lines that one line of results sees do not stay in the L2 cache (long sounds).
double lines_bf16_use(const ConvGeometry& g);

// y = x * w, or dx from dy: one convolution of dy for each remainder of the stride.
class LinesBf16 {
 public:
  LinesBf16(const ConvGeometry& forward, bool backward, int threads);
  size_t workspace_bytes() const;
  // w: [O/16][I/16][taps][16 i][16 o], for the gradient of the input [O/16][I/16][taps][16 o][16
  // i].
  void run(const uint16_t* x, const uint16_t* w, uint16_t* y, void* workspace) const;

 private:
  friend class LinesBf16Worker;
  struct Part {
    ConvGeometry g;  // of a convolution that makes some of the result's pixels
    TapView taps;
    PaddedPlanes planes;
    int64_t lines;                 // of results that are made at a time
    int64_t plane_elements;        // of a plane of two blocks of channels
    std::vector<int64_t> offsets;  // of each step's pixels, in elements
    size_t packed;                 // bytes before its packed weight
  };
  static Part part(const ConvGeometry& g, const TapView& taps);
  int64_t wanted_bands(const Part& part) const;
  void lay_out(Part& part) const;
  int64_t panels() const;
  int64_t panel_elements(const Part& part) const;

  bool backward_;
  int threads_;
  std::vector<Part> parts_;
  int64_t slices_ = 1, bands_ = 1;  // of an image, along its depth; of a slice, of each part
  size_t packed_bytes_ = 0, lines_bytes_ = 0;  // the latter: of a thread
};

}  // namespace cairn::cpu
