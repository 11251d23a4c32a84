// How the pixels that a convolution's taps meet are laid out so that those of one tap lie at one
// distance from their results, whatever the padding, stride and dilation: planes of lines with the
// padding written out, one plane for each remainder of the strides that some tap has (and for each
// tap along the depth). A position is a place in a plane; that of a result at (line, column) is
// line * columns + column, and what lies at columns >= the result's width belongs to no result.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "cairn/backend/cpu/conv/geometry.h"

namespace cairn::cpu {

struct PaddedPlanes {
  explicit PaddedPlanes(const ConvGeometry& g);

  struct Plane {
    int64_t slice;               // of the input, less that of the result times the stride
    int64_t line;                // the same of lines
    int64_t column;              // of the input, where `begin` is
    int64_t begin = 0, end = 0;  // columns that lie inside of the picture
  };
  struct Tap {
    int64_t plane, shift;  // positions from the result's
  };
  // Where line `line` of a plane lies in the input, counted in pixels; -1: it is padding.
  int64_t place(const ConvGeometry& g, const Plane& plane, int64_t slice, int64_t line) const;
  // Positions of so many lines of results, up to the last that has one.
  int64_t positions(const ConvGeometry& g, int64_t lines) const {
    return (lines - 1) * columns + g.out[2];
  }

  std::vector<Plane> planes;
  std::vector<Tap> taps;   // in the kernel's order
  int64_t columns = 0;     // of a line
  int64_t more_lines = 0;  // than results have
};

// Some lines of results: number `unit` of all bands of `most` lines of all images' slices along the
// depth. The last ones of a slice may have no line.
struct Band {
  Band(int64_t slices, int64_t bands, int64_t most, int64_t all_lines, int64_t unit)
      : image(unit / (slices * bands)),
        slice(unit / bands % slices),
        first(unit % bands * most),
        lines(std::min(most, all_lines - first)) {}
  int64_t image, slice;
  int64_t first, lines;  // of results
};

}  // namespace cairn::cpu
