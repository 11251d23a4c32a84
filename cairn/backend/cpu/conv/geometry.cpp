#include "cairn/backend/cpu/conv/geometry.h"

#include <algorithm>
#include <numeric>

#include "cairn/base/round.h"

namespace cairn::cpu {

ConvGeometry weight_geometry(const Shape& w) {
  ConvGeometry g{.in_channels = w[1], .out_channels = w[0]};
  const int spatial = w.ssize() - 2;
  for (int d = 0; d < spatial; ++d) g.kernel[d + 3 - spatial] = w[d + 2];
  return g;
}

ConvGeometry geometry_of(const OpCall& call, const ConvRoles& r) {
  const Ints &stride = call.attrs->ints("stride"), &dilation = call.attrs->ints("dilation"),
             &pads = call.attrs->ints("pads");
  ConvGeometry g = weight_geometry(r.w->shape);
  g.batch = r.x->shape[0];
  const int spatial = r.x->shape.ssize() - 2;
  for (int d = 0; d < spatial; ++d) {
    const int at = d + 3 - spatial;
    g.in[at] = r.x->shape[d + 2], g.out[at] = r.y->shape[d + 2];
    g.stride[at] = stride[d], g.dilation[at] = dilation[d], g.pad[at] = pads[2 * d];
  }
  return g;
}

int64_t TapView::place(int64_t tap, const ConvGeometry::Sizes& taps) const {
  ConvGeometry::Sizes at;
  for (int d = 2; d >= 0; tap /= taps[d], --d) at[d] = first[d] + tap % taps[d] * step[d];
  return (at[0] * kernel[1] + at[1]) * kernel[2] + at[2];
}

bool input_phase(const ConvGeometry& forward, const ConvGeometry::Sizes& at, ConvGeometry& g,
                 TapView& taps) {
  g = forward;
  g.in_channels = forward.out_channels, g.out_channels = forward.in_channels;
  g.all_in_channels = forward.all_out_channels, g.all_out_channels = forward.all_in_channels;
  g.in = forward.out;
  if (forward.stride != ConvGeometry::Sizes{1, 1, 1})
    g.out_size = forward.in, g.out_step = forward.stride, g.out_first = at;
  for (int d = 0; d < 3; ++d) {
    const int64_t step = forward.stride[d], dilation = forward.dilation[d];
    if (forward.in[d] <= at[d]) return false;
    g.out[d] = ceil_div(forward.in[d] - at[d], step), g.stride[d] = 1;
    int64_t& first = taps.first[d];
    first = 0, taps.step[d] = step / std::gcd(step, dilation);
    const auto shift = [&] { return at[d] + forward.pad[d] - first * dilation; };
    while (first < taps.step[d] && shift() % step != 0) ++first;
    const bool meets = first < std::min(taps.step[d], forward.kernel[d]);
    g.kernel[d] = meets ? (forward.kernel[d] - first - 1) / taps.step[d] + 1 : 0;
    g.pad[d] = meets ? -(shift() / step) : 0;
    g.dilation[d] = meets ? -(taps.step[d] * dilation / step) : 1;
  }
  taps.kernel = forward.kernel;
  return true;
}

}  // namespace cairn::cpu
