// Resizing of spatial dimensions.
#pragma once
#include <vector>

#include "cairn/ops/op.h"

namespace cairn {

enum class Interpolation { nearest, nearest_exact, linear, cubic, area };
struct InterpolateOptions {
  Ints size = {};  // spatial sizes of the result: one for all dimensions, or one each; or
  std::vector<double> scale = {};  // factors, likewise
  Interpolation mode = Interpolation::nearest;
  bool align_corners = false;  // linear and cubic: the corner elements keep their places
  // Linear and cubic: where the picture becomes smaller, the filter grows with the step (a
  // triangle, or Keys' cubic with a = -0.5), as in Pillow and PyTorch.
  bool antialias = false;
};
// x [N, C, spatial...], 1 to 3 spatial dimensions; PyTorch's F.interpolate (linear is its linear,
// bilinear and trilinear, cubic its bicubic).
Tensor interpolate(In x, const InterpolateOptions& options);

// One output element of a resized axis: which inputs it mixes, with which weights (for the
// kernels).
struct Tap {
  int64_t index;
  double weight;
};
struct ResampleAxis {
  // "nearest", "nearest_exact", "linear", "cubic", "area", "linear_antialias" or "cubic_antialias"
  const char* mode;
  int64_t from, to;  // sizes
  bool align_corners;
  double scale;  // the factor that was given; 0: to / from
};
std::vector<std::vector<Tap>> resample_taps(const ResampleAxis& axis);

}  // namespace cairn
