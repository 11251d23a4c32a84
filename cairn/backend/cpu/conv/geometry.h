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

  int64_t pixels() const { return out[0] * out[1] * out[2]; }  // of one output
  int64_t plane() const { return in[0] * in[1] * in[2]; }      // pixels of one input
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

ConvGeometry geometry_of(const OpCall& call, const ConvRoles& roles);
// What a weight's shape says alone.
ConvGeometry weight_geometry(const Shape& w);

}  // namespace cairn::cpu
