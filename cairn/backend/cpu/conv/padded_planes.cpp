#include "cairn/backend/cpu/conv/padded_planes.h"

#include <algorithm>

#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

// Taps of one dimension as a remainder of the stride and a shift, both from the first pixel that
// any tap meets.
struct Taps {
  Taps(const ConvGeometry& g, int d)
      : g(g), d(d), lowest(std::min<int64_t>(0, (g.kernel[d] - 1) * g.dilation[d])) {}
  int64_t from_lowest(int64_t tap) const { return tap * g.dilation[d] - lowest; }
  int64_t remainder(int64_t tap) const { return from_lowest(tap) % g.stride[d]; }
  int64_t shift(int64_t tap) const { return from_lowest(tap) / g.stride[d]; }
  int64_t origin() const { return lowest - g.pad[d]; }
  int64_t most() const {
    int64_t most = 0;
    for (int64_t tap = 0; tap < g.kernel[d]; ++tap) most = std::max(most, shift(tap));
    return most;
  }
  const ConvGeometry& g;
  int d;
  int64_t lowest;
};

}  // namespace

PaddedPlanes::PaddedPlanes(const ConvGeometry& g) {
  const Taps lines(g, 1), across(g, 2);
  more_lines = lines.most(), columns = g.out[2] + across.most();
  for (int64_t a = 0; a < g.kernel[0]; ++a)
    for (int64_t b = 0; b < g.kernel[1]; ++b)
      for (int64_t c = 0; c < g.kernel[2]; ++c) {
        const int64_t from = across.origin() + across.remainder(c), step = g.stride[2];
        Plane plane{a * g.dilation[0] - g.pad[0], lines.origin() + lines.remainder(b), 0};
        plane.begin = std::clamp<int64_t>(ceil_div(std::max<int64_t>(0, -from), step), 0, columns);
        plane.end = std::clamp<int64_t>(ceil_div(std::max<int64_t>(0, g.in[2] - from), step),
                                        plane.begin, columns);
        plane.column = from + plane.begin * step;
        const auto same = [&](const Plane& p) {
          return p.slice == plane.slice && p.line == plane.line &&
                 p.column - p.begin * step == from;
        };
        const auto at = std::find_if(planes.begin(), planes.end(), same);
        taps.push_back({at - planes.begin(), lines.shift(b) * columns + across.shift(c)});
        if (at == planes.end()) planes.push_back(plane);
      }
}

int64_t PaddedPlanes::place(const ConvGeometry& g, const Plane& plane, int64_t slice,
                            int64_t line) const {
  const int64_t z = slice * g.stride[0] + plane.slice, y = line * g.stride[1] + plane.line;
  if (z < 0 || z >= g.in[0] || y < 0 || y >= g.in[1] || plane.begin == plane.end) return -1;
  return (z * g.in[1] + y) * g.in[2] + plane.column;
}

}  // namespace cairn::cpu
