// Sizes of a convolution of one to three dimensions, for kernels that walk over its pixels.
#pragma once
#include <array>
#include <cstdint>

#include "cairn/backend/cpu/conv/conv_kernel.h"

namespace cairn::cpu {

struct ConvGeometry {
  using Sizes =
      std::array<int64_t, 3>;  // depth, height, width; what the convolution lacks is 1 (padding: 0)
  int64_t batch = 1, in_channels = 1, out_channels = 1;
  Sizes in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1},
      pad{0, 0, 0};  // pad: in front
  // Where not all of the output is computed: pixel i lies at first + i * step of an image of that
  // size (0: at i, of the size `out`).
  Sizes out_size{0, 0, 0}, out_step{1, 1, 1}, out_first{0, 0, 0};
  // Where the channels are some of a tensor's: of all, 0: these.
  int64_t all_in_channels = 0, all_out_channels = 0;

  bool whole() const { return out_size[2] == 0; }
  int64_t pixels() const { return out[0] * out[1] * out[2]; }  // of one output
  int64_t out_plane() const { return whole() ? pixels() : out_size[0] * out_size[1] * out_size[2]; }
  int64_t plane() const { return in[0] * in[1] * in[2]; }  // pixels of one input
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

// Some of a kernel's taps: number k of a dimension is first + k * step.
struct TapView {
  ConvGeometry::Sizes kernel{1, 1, 1}, first{0, 0, 0}, step{1, 1, 1};
  // Where the `tap`th of so many a dimension is among all of the kernel's.
  int64_t place(int64_t tap, const ConvGeometry::Sizes& taps) const;
};

// The gradient of a convolution's input, at the pixels at + n * stride, as a convolution of the
// output's gradient by the taps that meet them; false: there are no such pixels.
bool input_phase(const ConvGeometry& forward, const ConvGeometry::Sizes& at, ConvGeometry& g,
                 TapView& taps);

ConvGeometry geometry_of(const OpCall& call, const ConvRoles& roles);
// What a weight's shape says alone.
ConvGeometry weight_geometry(const Shape& w);

}  // namespace cairn::cpu
