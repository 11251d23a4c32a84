#include "cairn/ops/interpolate.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

// Resizing is a linear map along each axis in turn. "resample" has the attributes "axis", "mode",
// "from", "to", "align_corners" and "scale"; "resample_back" is its transpose, so gradients of any
// order stay between the two.
namespace cairn {
namespace {

void infer_along(OpCall& c, const char* before, const char* after) {
  if (!is_float(c.dtype())) c.error("wants floats");
  Shape shape = c.shape();
  const int64_t axis = c.attrs->integer("axis");
  if (shape[axis] != c.attrs->integer(before))
    c.error("axis {} is {}, not {}", axis, shape[axis], c.attrs->integer(before));
  if (c.attrs->integer("from") < 1 || c.attrs->integer("to") < 1)
    c.error("cannot resize {} to {}", c.attrs->integer("from"), c.attrs->integer("to"));
  shape[axis] = c.attrs->integer(after);
  c.set(0, c.dtype(), shape);
}

const OpDef kOps[] = {
    OpDef{"resample", "an axis resized by interpolation", 1, 1,
          [](OpCall& c) { infer_along(c, "from", "to"); }, 0,
          [](VjpCall& c) {
            c.results[0] = apply(op_named("resample_back"), {c.grad()}, c.attrs, context().loc);
          }}
        .with_onnx("Resize"),
    OpDef{"resample_back", "the transpose of resample: its gradient", 1, 1,
          [](OpCall& c) { infer_along(c, "to", "from"); }, 0,
          [](VjpCall& c) {
            c.results[0] = apply(op_named("resample"), {c.grad()}, c.attrs, context().loc);
          }},
};

const char* name_of(const InterpolateOptions& o, Loc loc) {
  constexpr const char* names[] = {"nearest", "nearest_exact", "linear", "cubic", "area"};
  if (!o.antialias) return names[static_cast<int>(o.mode)];
  check(o.mode == Interpolation::linear || o.mode == Interpolation::cubic,
        "interpolate: antialias is for linear and cubic, not {}{}", names[static_cast<int>(o.mode)],
        where(loc));
  return o.mode == Interpolation::linear ? "linear_antialias" : "cubic_antialias";
}

// Keys' cubic with a = -0.75, as in PyTorch and OpenCV.
double cubic_weight(double x, double a = -0.75) {
  x = std::fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

// A filter as wide as the step, around where the centre of an output lies; its weights' sum is 1.
std::vector<Tap> antialiased_taps(int64_t out, double step, int64_t from, bool cubic) {
  const double wide = std::max(step, 1.0), reach = (cubic ? 2 : 1) * wide,
               centre = step * (static_cast<double>(out) + 0.5);
  const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(centre - reach + 0.5)),
                end = std::min(from, static_cast<int64_t>(centre + reach + 0.5));
  std::vector<Tap> taps;
  double total = 0;
  for (int64_t i = first; i < end; ++i) {
    const double x = (static_cast<double>(i) - centre + 0.5) / wide;
    const double weight = cubic ? cubic_weight(x, -0.5) : std::max(0.0, 1 - std::fabs(x));
    taps.push_back({i, weight}), total += weight;
  }
  for (Tap& tap : taps) tap.weight /= total;
  return taps;
}

}  // namespace

std::span<const OpDef> interpolate_ops() { return kOps; }

std::vector<std::vector<Tap>> resample_taps(const ResampleAxis& r) {
  const std::string_view mode = r.mode;
  const bool smooth = mode == "linear_antialias" || mode == "cubic_antialias";
  const bool corners = r.align_corners && (mode == "linear" || mode == "cubic" || smooth);
  const double from = static_cast<double>(r.from), to = static_cast<double>(r.to);
  const double step = corners       ? (r.to > 1 ? (from - 1) / (to - 1) : 0)
                      : r.scale > 0 ? 1 / r.scale
                                    : from / to;
  auto inside = [&](double i) { return static_cast<int64_t>(std::clamp(i, 0.0, from - 1)); };
  std::vector<std::vector<Tap>> taps(static_cast<size_t>(r.to));
  for (int64_t o = 0; o < r.to; ++o) {
    auto& list = taps[static_cast<size_t>(o)];
    const double at = static_cast<double>(o),
                 source = corners ? at * step : (at + 0.5) * step - 0.5;
    if (smooth) {
      list = antialiased_taps(o, step, r.from, mode == "cubic_antialias");
    } else if (mode == "nearest") {
      list = {{inside(std::floor(at * step)), 1}};
    } else if (mode == "nearest_exact") {
      list = {{inside(std::floor((at + 0.5) * step)), 1}};
    } else if (mode == "linear") {
      const double place = std::max(source, 0.0), low = std::floor(place);
      list = {{inside(low), 1 - (place - low)}, {inside(low + 1), place - low}};
    } else if (mode == "cubic") {
      const double low = std::floor(source);
      for (int k = -1; k <= 2; ++k)
        list.push_back({inside(low + k), cubic_weight(source - (low + k))});
    } else {  // area: the mean of the inputs that the output covers
      const int64_t first = o * r.from / r.to, last = ((o + 1) * r.from + r.to - 1) / r.to;
      for (int64_t i = first; i < last; ++i)
        list.push_back({i, 1 / static_cast<double>(last - first)});
    }
  }
  return taps;
}

Tensor interpolate(In x, const InterpolateOptions& o) {
  const int spatial = x.t.rank() - 2;
  check(spatial >= 1 && spatial <= 3,
        "interpolate: wants [N, C, spatial...] with 1 to 3 spatial dimensions, not {}{}",
        to_string(x.t.shape()), where(x.loc));
  check(o.size.empty() != o.scale.empty(), "interpolate: give either size or scale{}",
        where(x.loc));
  const size_t given = std::max(o.size.size(), o.scale.size());
  check(given == 1 || given == static_cast<size_t>(spatial),
        "interpolate: {} sizes for {} dimensions{}", given, spatial, where(x.loc));
  const char* mode = name_of(o, x.loc);
  Tensor y = x.t;
  for (int d = 0; d < spatial; ++d) {
    const size_t i = given == 1 ? 0 : static_cast<size_t>(d);
    const int64_t from = x.t.shape()[d + 2];
    const double scale = o.scale.empty() ? 0 : o.scale[i];
    const int64_t to = o.scale.empty()
                           ? o.size[i]
                           : static_cast<int64_t>(std::floor(static_cast<double>(from) * scale));
    check(to > 0 && from > 0, "interpolate: dimension {} of {} would become {}{}", d,
          to_string(x.t.shape()), to, where(x.loc));
    if (to == from && (scale == 0 || scale == 1)) continue;
    y = apply(op_named("resample"), {y},
              {{"axis", int64_t{d + 2}},
               {"mode", mode},
               {"from", from},
               {"to", to},
               {"align_corners", int64_t{o.align_corners}},
               {"scale", scale}},
              x.loc);
  }
  return y;
}

}  // namespace cairn
