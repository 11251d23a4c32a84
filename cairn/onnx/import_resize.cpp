// Resizing an axis at a time, and sampling at given places.
#include <algorithm>
#include <cmath>

#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"
#include "cairn/ops/grid.h"

namespace cairn::onnx {
namespace {

constexpr int64_t kMostElements = 1 << 24;  // along an axis, before and after

struct ResizeAxis {
  int64_t axis, from, to;
  double scale;
  double first = 0, last = 1;  // the part that is resized, of tf_crop_and_resize
};
struct ResizeHow {
  std::string mode, place, nearest;
  double cubic_a, extrapolated;
  bool antialias, excludes_outside;
};

// Where element `i` of the result lies in the input.
double place_of(const ResizeAxis& a, const ResizeHow& how, int64_t i) {
  const double x = static_cast<double>(i), from = static_cast<double>(a.from),
               to = a.scale * from;  // what it is not rounded to
  if (how.place == "asymmetric") return x / a.scale;
  if (how.place == "align_corners") return a.to == 1 ? 0 : x * (from - 1) / (to - 1);
  if (how.place == "pytorch_half_pixel" && a.to == 1) return 0;
  if (how.place == "half_pixel_symmetric")
    return from / 2 * (1 - static_cast<double>(a.to) / to) + (x + 0.5) / a.scale - 0.5;
  if (how.place == "tf_crop_and_resize")
    return a.first * (from - 1) + (a.to == 1 ? (a.last - a.first) * (from - 1) / 2
                                             : x * (a.last - a.first) * (from - 1) / (to - 1));
  check(how.place == "half_pixel" || how.place == "pytorch_half_pixel",
        "coordinate_transformation_mode '{}' is not read", how.place);
  return (x + 0.5) / a.scale - 0.5;
}

int64_t nearest_to(double x, const std::string& how) {
  if (how == "floor") return static_cast<int64_t>(std::floor(x));
  if (how == "ceil") return static_cast<int64_t>(std::ceil(x));
  return static_cast<int64_t>(how == "round_prefer_ceil" ? std::floor(x + 0.5)
                                                         : std::ceil(x - 0.5));
}

double kernel_at(const ResizeHow& how, double x) {
  x = std::abs(x);
  if (how.mode == "linear") return std::max(0.0, 1 - x);
  const double a = how.cubic_a;
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// Where an element of the result is taken from, and how much of each.
using Taps = std::vector<std::pair<int64_t, double>>;
Taps taps_of(const ResizeAxis& a, const ResizeHow& how, int64_t i) {
  const double x = place_of(a, how, i);
  const auto within = [&](int64_t at) { return std::clamp<int64_t>(at, 0, a.from - 1); };
  if (how.place == "tf_crop_and_resize" && (x < 0 || x > static_cast<double>(a.from - 1)))
    return {};  // zeros; the rest is extrapolated
  if (how.mode == "nearest") return {{within(nearest_to(x, how.nearest)), 1}};
  const double scale = how.antialias ? std::min(a.scale, 1.0) : 1;
  const double reach = how.mode == "linear" ? 1 : 2;
  const auto left = static_cast<int64_t>(std::floor(x));
  const double ratio = x - static_cast<double>(left);
  const auto begin = static_cast<int64_t>(std::floor(-reach / scale)),
             end = static_cast<int64_t>(std::ceil(reach / scale)) + 1;
  double total = 0;
  Taps taps;
  for (int64_t k = begin; k <= end; ++k) {
    const double weight = kernel_at(how, scale * (static_cast<double>(k) - ratio));
    const int64_t at = left + k;
    if (weight == 0 || (how.excludes_outside && at != within(at))) continue;
    total += weight;
    if (!taps.empty() && taps.back().first == within(at)) taps.back().second += weight;
    else taps.emplace_back(within(at), weight);
  }
  for (auto& tap : taps) tap.second /= total;
  return taps;
}

// Those of all elements, as many of each: places, and weights in a line along the axis.
struct AllTaps {
  int64_t each = 1;
  std::vector<int64_t> places;
  std::vector<double> weights;
};
AllTaps all_taps(const ResizeAxis& a, const ResizeHow& how) {
  std::vector<Taps> all;
  AllTaps result;
  for (int64_t i = 0; i < a.to; ++i) {
    all.push_back(taps_of(a, how, i));
    result.each = std::max<int64_t>(result.each, std::ssize(all.back()));
  }
  for (Taps& taps : all) {
    taps.resize(static_cast<size_t>(result.each), {taps.empty() ? 0 : taps[0].first, 0});
    for (const auto& [place, weight] : taps)
      result.places.push_back(place), result.weights.push_back(weight);
  }
  return result;
}

int64_t product_after(const Shape& shape, int64_t axis) {
  int64_t p = 1;
  for (size_t d = static_cast<size_t>(axis) + 1; d < shape.size(); ++d) p *= shape[d];
  return p;
}

Tensor resized(const Tensor& x, const ResizeAxis& a, const ResizeHow& how) {
  if (a.to == 0 || x.numel() == 0)
    return full(
        [&] {
          Shape s = x.shape();
          s[static_cast<size_t>(a.axis)] = a.to;
          return s;
        }(),
        0, x.dtype());
  check(a.from < kMostElements, "from {} elements", a.from);
  if (how.mode == "nearest" && how.place != "tf_crop_and_resize") {
    std::vector<int64_t> from;
    for (int64_t i = 0; i < a.to; ++i)
      from.push_back(
          std::clamp<int64_t>(nearest_to(place_of(a, how, i), how.nearest), 0, a.from - 1));
    return index_select(x, a.axis, integers(from, {a.to}));
  }
  const DType dtype = x.dtype() == DType::f64 ? DType::f64 : DType::f32;
  const AllTaps taps = all_taps(a, how);
  const int64_t rest = product_after(x.shape(), a.axis);
  Tensor weights;
  {
    const RecorderScope eager(nullptr);
    weights = cast(from_host(taps.weights.data(), {1, a.to, taps.each, 1}, DType::f64), dtype);
  }
  const Tensor lines = reshape(cast(x, dtype), {x.numel() / (a.from * rest), a.from, rest});
  const Tensor taken = index_select(lines, 1, integers(taps.places, {a.to * taps.each}));
  const Tensor each = reshape(taken, {lines.size(0), a.to, taps.each, rest});
  Shape shape = x.shape();
  shape[static_cast<size_t>(a.axis)] = a.to;
  return cast(reshape(sum(each * weights, {2}), shape), x.dtype());
}

// PyTorch's own coordinates have a kernel, for pictures of which height and width change.
bool by_interpolate(const Tensor& x, const std::vector<ResizeAxis>& axes, const ResizeHow& how,
                    Tensor& y) {
  if (x.rank() != 4 || x.dtype() != DType::f32 || axes.size() != 2 || axes[0].axis != 2 ||
      axes[1].axis != 3 || how.antialias || how.excludes_outside || how.mode == "cubic" ||
      x.numel() == 0)
    return false;
  for (const ResizeAxis& a : axes)
    if (std::abs(a.scale * static_cast<double>(a.from) - static_cast<double>(a.to)) > 1e-3)
      return false;
  const bool corners = how.place == "align_corners";
  const bool nearest = how.mode == "nearest" && how.place == "asymmetric" && how.nearest == "floor";
  const bool linear = how.mode == "linear" &&
                      (corners || how.place == "half_pixel" || how.place == "pytorch_half_pixel");
  if ((!nearest && !linear) ||
      (how.place == "pytorch_half_pixel" && (axes[0].to == 1 || axes[1].to == 1)))
    return false;
  for (const ResizeAxis& a : axes)  // PyTorch's takes no factors here, and floats round
    if (nearest && a.to % a.from != 0) return false;
  y = interpolate(x, {.size = {axes[0].to, axes[1].to},
                      .mode = nearest ? Interpolation::nearest : Interpolation::linear,
                      .align_corners = corners});
  return true;
}

std::vector<ResizeAxis> resized_axes(const NodeCall& c, const Tensor& x) {
  const bool is_upsample = c.op() == "Upsample", old = is_upsample || c.opset() < 11;
  const size_t at_scales = old ? 1 : 2, at_sizes = 3;
  std::vector<double> scales;
  if (c.has(at_scales)) scales = numbers_of(c.in(at_scales));
  if (scales.empty()) scales = c.numbers("scales");
  const Ints sizes = !old && c.has(at_sizes) ? c.host(at_sizes) : Ints();
  Ints axes = c.ints("axes");
  if (axes.empty())
    for (int d = 0; d < x.rank(); ++d) axes.push_back(d);
  check((sizes.empty() ? scales.size() : sizes.size()) == axes.size(),
        "sizes or scales for other than {} axes", axes.size());
  const std::string policy = c.text("keep_aspect_ratio_policy", "stretch");
  double common = 0;
  if (policy != "stretch" && !sizes.empty())
    for (size_t i = 0; i < axes.size(); ++i) {
      const double s =
          static_cast<double>(sizes[i]) / static_cast<double>(x.size(c.axis(axes[i], x.rank())));
      common = i == 0 ? s : policy == "not_larger" ? std::min(common, s) : std::max(common, s);
    }
  std::vector<ResizeAxis> all;
  const std::vector<double> roi = !old && c.has(1) ? numbers_of(c.in(1)) : std::vector<double>();
  for (size_t i = 0; i < axes.size(); ++i) {
    ResizeAxis a{c.axis(axes[i], x.rank()), 0, 0, 0};
    a.from = x.size(a.axis);
    const double from = static_cast<double>(a.from);
    a.scale = common > 0      ? common
              : sizes.empty() ? scales[i]
                              : static_cast<double>(sizes[i]) / from;
    const double to = common > 0      ? std::round(common * from)
                      : sizes.empty() ? std::floor(from * scales[i])
                                      : static_cast<double>(sizes[i]);
    check(to >= 0 && to < kMostElements && (to == 0 || a.scale > 0), "to {} elements", to);
    a.to = static_cast<int64_t>(to);
    if (roi.size() == 2 * axes.size()) a.first = roi[i], a.last = roi[i + axes.size()];
    // So that places are whole numbers; nor does it hold for NaN.
    check(std::abs(a.first) < kMostElements && std::abs(a.last) < kMostElements,
          "a part from {} to {}", a.first, a.last);
    if (a.to != a.from || a.scale != 1 || a.first != 0 || a.last != 1) all.push_back(a);
  }
  return all;
}

void read_resize(NodeCall& c) {
  Tensor x = c.in(0);
  const bool old = c.op() == "Upsample" || c.opset() < 11;
  ResizeHow how{c.text("mode", "nearest"),
                c.text("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel"),
                c.text("nearest_mode", old ? "floor" : "round_prefer_floor"),
                c.number("cubic_coeff_a", -0.75),
                c.number("extrapolation_value", 0),
                c.integer("antialias", 0) != 0,
                c.integer("exclude_outside", 0) != 0};
  if (how.mode == "bilinear" || how.mode == "trilinear") how.mode = "linear";
  check(how.mode == "nearest" || how.mode == "linear" || how.mode == "cubic",
        "mode '{}' is not read", how.mode);
  std::vector<ResizeAxis> axes = resized_axes(c, x);
  const bool crops = how.place == "tf_crop_and_resize";
  if (!crops)
    axes.erase(std::remove_if(axes.begin(), axes.end(),
                              [](const ResizeAxis& a) { return a.to == a.from && a.scale == 1; }),
               axes.end());
  Tensor y;
  if (by_interpolate(x, axes, how, y)) return c.give(y);
  for (const ResizeAxis& a : axes) {
    x = resized(x, a, how);
    if (!crops || how.extrapolated == 0) continue;
    std::vector<float> outside;  // these lie beyond the picture
    for (int64_t i = 0; i < a.to; ++i) {
      const double at = place_of(a, how, i);
      outside.push_back(at < 0 || at > static_cast<double>(a.from - 1));
    }
    Shape line(static_cast<size_t>(x.rank()), 1);
    line[static_cast<size_t>(a.axis)] = a.to;
    x = where(ne(from_host(outside.data(), line, DType::f32), 0.0),
              scalar(how.extrapolated, x.dtype()), x);
  }
  c.give(x);
}

void read_grid_sample(NodeCall& c) {
  const std::string mode = c.text("mode", "linear"), padding = c.text("padding_mode", "zeros");
  GridSampleOptions o;
  o.mode = mode == "nearest"                      ? GridSample::nearest
           : mode == "cubic" || mode == "bicubic" ? GridSample::bicubic
                                                  : GridSample::bilinear;
  o.padding = padding == "border"       ? GridPadding::border
              : padding == "reflection" ? GridPadding::reflection
                                        : GridPadding::zeros;
  o.align_corners = c.integer("align_corners", 0) != 0;
  c.give(grid_sample(c.in(0), c.in(1), o));
}
void read_affine_grid(NodeCall& c) {
  c.give(affine_grid(c.in(0), c.host(1), c.integer("align_corners", 0) != 0));
}

constexpr OpRow kResize[] = {
    {"AffineGrid", read_affine_grid},
    {"GridSample", read_grid_sample},
    {"Resize", read_resize},
    {"Upsample", read_resize},
};

}  // namespace

OpRows resize_rows() { return kResize; }

}  // namespace cairn::onnx
