#include "cairn/backend/cpu/conv/geometry.h"

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

}  // namespace cairn::cpu
