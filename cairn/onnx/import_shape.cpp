// Shapes and places: what ONNX takes as tensors of sizes is known while tracing.
#include <algorithm>
#include <cmath>

#include "cairn/base/round.h"
#include "cairn/onnx/file.h"
#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"

namespace cairn::onnx {
namespace {

int64_t product(const Shape& s, int64_t from, int64_t to) {
  int64_t p = 1;
  for (int64_t d = from; d < to; ++d) p *= s[static_cast<size_t>(d)];
  return p;
}

void read_reshape(NodeCall& c) {
  const Tensor& x = c.in(0);
  Ints shape = c.host_or(1, "shape");
  const bool zero_is_zero = c.integer("allowzero", 0) != 0;
  for (size_t d = 0; d < shape.size(); ++d)
    if (shape[d] == 0 && !zero_is_zero) {
      check(static_cast<int>(d) < x.rank(), "size {} of {} is to stay, but the input is {}", d,
            to_string(shape), to_string(x.shape()));
      shape[d] = x.shape()[d];
    }
  for (size_t d = 0; d < shape.size(); ++d)
    check(shape[d] >= -1, "size {} of {} is {}: sizes are from -1 (what is left) on", d,
          to_string(shape), shape[d]);
  c.give(reshape(x, shape));
}

void read_flatten(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t given = c.integer("axis", 1), axis = given < 0 ? given + x.rank() : given;
  check(axis >= 0 && axis <= x.rank(), "axis {} of a tensor of {} dimensions", given, x.rank());
  c.give(reshape(x, {product(x.shape(), 0, axis), product(x.shape(), axis, x.rank())}));
}

void read_squeeze(NodeCall& c) {
  const Tensor& x = c.in(0);
  Ints axes = c.host_or(1, "axes");
  if (axes.empty())
    for (int d = 0; d < x.rank(); ++d)
      if (x.size(d) == 1) axes.push_back(d);
  for (int64_t a : axes)
    check(x.size(c.axis(a, x.rank())) == 1, "axis {} of {} is not of size 1", a,
          to_string(x.shape()));
  c.give(axes.empty() ? x : squeeze(x, axes));
}

void read_unsqueeze(NodeCall& c) {
  const Tensor& x = c.in(0);
  Ints axes = c.host_or(1, "axes");
  const int rank = x.rank() + axes.ssize();
  std::vector<char> is_new(static_cast<size_t>(rank), 0);
  for (int64_t a : axes) is_new[static_cast<size_t>(c.axis(a, rank))] = 1;
  check(std::count(is_new.begin(), is_new.end(), 1) == axes.ssize(), "an axis is given twice: {}",
        to_string(axes));
  Shape shape;
  size_t from = 0;
  for (char added : is_new) shape.push_back(added ? 1 : x.shape()[from++]);
  c.give(reshape(x, shape));
}

void read_transpose(NodeCall& c) {
  const int rank = c.in(0).rank();
  Ints order = c.ints("perm");
  if (order.empty())
    for (int d = rank; d-- > 0;) order.push_back(d);
  c.give(permute(c.in(0), order));
}

void read_expand(NodeCall& c) {
  const Tensor& x = c.in(0);
  c.give(expand(x, broadcast_shapes("Expand", x.shape(), c.host(1))));
}

void read_tile(NodeCall& c) {
  const Tensor& x = c.in(0);
  const Ints times = c.host(1);
  check(times.ssize() == x.rank(), "{} repeats of a tensor of {} dimensions", times.ssize(),
        x.rank());
  c.give(repeat(x, times));
}

void read_concat(NodeCall& c) {
  Tensors parts;
  for (size_t i = 0; i < c.inputs(); ++i) parts.push_back(c.in(i));
  c.give(cat(parts, c.axis(c.integer("axis", 1), c.in(0).rank())));
}

void read_split(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = c.axis(c.integer("axis", 0), x.rank()), size = x.size(axis);
  Ints sizes = c.host_or(1, "split");
  if (sizes.empty()) {  // as equal as may be, the last one smaller
    const int64_t parts = c.integer("num_outputs", static_cast<int64_t>(c.outputs()));
    check(parts > 0 && parts == static_cast<int64_t>(c.outputs()), "into {} parts, {} are named",
          parts, c.outputs());
    const int64_t each = ceil_div(size, parts);
    for (int64_t i = 0; i < parts; ++i)
      sizes.push_back(std::clamp<int64_t>(size - i * each, 0, each));
  }
  check(sizes.size() >= c.outputs(), "gives {} parts, {} are named", sizes.size(), c.outputs());
  const Tensors parts = split(x, sizes, axis);
  for (size_t i = 0; i < parts.size(); ++i) c.give(parts[i], i);
}

// `length` elements from `start`, `step` apart, which may be negative.
Tensor slice_by(const Tensor& x, int64_t axis, int64_t start, int64_t length, int64_t step) {
  if (step > 0) return slice(x, axis, start, length, step);
  const int64_t last = start + (length - 1) * step;
  return flip(slice(x, axis, last, length, -step), {axis});
}

void read_slice(NodeCall& c) {
  Tensor x = c.in(0);
  const Ints starts = c.host_or(1, "starts"), ends = c.host_or(2, "ends");
  Ints axes = c.host_or(3, "axes"), steps = c.has(4) ? c.host(4) : Ints(starts.size(), 1);
  if (axes.empty())
    for (int d = 0; d < starts.ssize(); ++d) axes.push_back(d);
  check(
      starts.size() == ends.size() && starts.size() == axes.size() && starts.size() == steps.size(),
      "{} starts, {} ends, {} axes and {} steps", starts.size(), ends.size(), axes.size(),
      steps.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = c.axis(axes[i], x.rank()), size = x.size(axis), step = steps[i];
    if (size == 0) continue;  // nothing is left of nothing
    check(step != 0 && step != INT64_MIN, "a step of {}", step);
    const auto place = [&](int64_t at, int64_t least, int64_t most) {
      return std::clamp(at < 0 ? at + size : at, least, most);
    };
    const int64_t start = step > 0 ? place(starts[i], 0, size) : place(starts[i], 0, size - 1);
    const int64_t end = step > 0 ? place(ends[i], 0, size) : place(ends[i], -1, size - 1);
    const int64_t span = step > 0 ? end - start : start - end, each = std::abs(step);
    const int64_t length = std::max<int64_t>(0, span <= 0 ? 0 : (span - 1) / each + 1);
    if (length == 0) x = slice(x, axis, 0, 0);
    else if (length != size || step != 1) x = slice_by(x, axis, start, length, step);
  }
  c.give(x);
}

void read_pad(NodeCall& c) {
  Tensor x = c.in(0);
  const Ints pads =
      within_reason(c.host_or(1, c.gives_attribute("paddings") ? "paddings" : "pads"), "pads");
  const std::string mode = c.text("mode", "constant");
  const double value = c.has(2) ? c.host_number(2) : c.number("value", 0);
  Ints axes = c.has(3) ? c.host(3) : Ints();
  if (axes.empty())
    for (int d = 0; d < x.rank(); ++d) axes.push_back(d);
  check(pads.size() == 2 * axes.size(), "{} pads for {} axes", pads.size(), axes.size());
  std::vector<std::pair<int64_t, int64_t>> by_axis(static_cast<size_t>(x.rank()));
  for (size_t i = 0; i < axes.size(); ++i)
    by_axis[static_cast<size_t>(c.axis(axes[i], x.rank()))] = {pads[i], pads[i + axes.size()]};
  const auto kind = mode == "constant"  ? PadMode::constant
                    : mode == "reflect" ? PadMode::reflect
                    : mode == "edge"    ? PadMode::replicate
                    : mode == "wrap"    ? PadMode::circular
                                        : throw Error("mode '" + mode + "' is not read");
  Ints last_first;
  for (int d = 0; d < x.rank(); ++d) {  // what is cut off first
    auto& [begin, end] = by_axis[static_cast<size_t>(d)];
    const int64_t cut = std::max<int64_t>(0, -begin), cut_end = std::max<int64_t>(0, -end);
    if (cut + cut_end > 0) x = slice(x, d, cut, x.size(d) - cut - cut_end);
    begin = std::max<int64_t>(0, begin), end = std::max<int64_t>(0, end);
  }
  for (int d = x.rank(); d-- > 0;) {
    last_first.push_back(by_axis[static_cast<size_t>(d)].first);
    last_first.push_back(by_axis[static_cast<size_t>(d)].second);
  }
  while (last_first.size() >= 2 && last_first.back() == 0 && last_first[last_first.size() - 2] == 0)
    last_first.pop_back(), last_first.pop_back();
  c.give(last_first.empty() ? x : pad(x, last_first, kind, value));
}

void read_shape(NodeCall& c) {
  const Shape& shape = c.in(0).shape();
  const auto place = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + shape.ssize() : at, 0, shape.ssize());
  };
  const int64_t start = place(c.integer("start", 0)),
                end = std::max(start, place(c.integer("end", shape.ssize())));
  c.give(integers({shape.begin() + start, shape.begin() + end}, {end - start}));
}
void read_size(NodeCall& c) { c.give(integers({c.in(0).numel()}, {})); }

void read_constant_of_shape(NodeCall& c) {
  const Tensor value = c.gives_attribute("value") ? c.tensor("value") : scalar(0, DType::f32);
  c.give(expand(reshape(value, {}), c.host(0)));
}

void read_range(NodeCall& c) {
  const DType dtype = c.in(0).dtype();
  if (!is_float(dtype)) {
    const int64_t start = c.host_integer(0), limit = c.host_integer(1), delta = c.host_integer(2);
    check(delta != 0, "a step of 0");
    const bool empty = delta > 0 ? start >= limit : start <= limit;
    return c.give(empty ? full({0}, 0, dtype) : arange(start, limit, delta, dtype));
  }
  const double start = c.host_number(0), limit = c.host_number(1), delta = c.host_number(2);
  check(delta != 0, "a step of 0");
  const double steps = std::ceil((limit - start) / delta);
  check(steps < kMostWhole, "from {} to {} in steps of {}", start, limit, delta);
  const auto count = static_cast<int64_t>(std::max(0.0, steps));
  c.give(cast(arange(0, count, 1, DType::f64) * delta + start, dtype));
}

// Beyond all elements it is the same wherever it lies.
int64_t diagonal(int64_t k) { return std::clamp<int64_t>(k, -(1 << 30), 1 << 30); }

void read_eye_like(NodeCall& c) {
  const Shape& s = c.in(0).shape();
  check(s.size() == 2, "of a tensor of {} dimensions", s.size());
  const int64_t k = diagonal(c.integer("k", 0));
  const DType dtype = c.gives_attribute("dtype")
                          ? dtype_of_element(c.element_named("dtype", 1), "dtype")
                          : c.in(0).dtype();
  const Tensor row = reshape(arange(0, s[0]), {s[0], 1}) + static_cast<double>(k);
  c.give(cast(eq(row, reshape(arange(0, s[1]), {1, s[1]})), dtype));
}

void read_trilu(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t k = diagonal(c.has(1) ? c.host_integer(1) : 0);
  check(x.rank() >= 2, "of a tensor of {} dimensions", x.rank());
  const int64_t rows = x.size(-2), columns = x.size(-1);
  const Tensor row = reshape(arange(0, rows), {rows, 1}) + static_cast<double>(k);
  const Tensor column = reshape(arange(0, columns), {1, columns});
  const Tensor kept = c.integer("upper", 1) != 0 ? le(row, column) : ge(row, column);
  c.give(where(kept, x, scalar(0, x.dtype())));
}

int64_t block_size(const NodeCall& c) {
  constexpr int64_t kMost = 1 << 15;
  const int64_t f = c.integer("blocksize", 0);
  check(f > 0 && f <= kMost && c.in(0).rank() == 4, "blocks of {} in {}", f,
        to_string(c.in(0).shape()));
  return f;
}
void read_depth_to_space(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t f = block_size(c), n = x.size(0), h = x.size(2), w = x.size(3);
  check(x.size(1) % (f * f) == 0, "{} channels in blocks of {}", x.size(1), f);
  const int64_t out = x.size(1) / (f * f);
  const bool columns_first = c.text("mode", "DCR") == "DCR";
  const Tensor parts =
      columns_first ? reshape(x, {n, f, f, out, h, w}) : reshape(x, {n, out, f, f, h, w});
  c.give(reshape(permute(parts, columns_first ? Ints{0, 3, 4, 1, 5, 2} : Ints{0, 1, 4, 2, 5, 3}),
                 {n, out, h * f, w * f}));
}
void read_space_to_depth(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t f = block_size(c), n = x.size(0), k = x.size(1);
  check(x.size(2) % f == 0 && x.size(3) % f == 0, "{} in blocks of {}", to_string(x.shape()), f);
  const int64_t h = x.size(2) / f, w = x.size(3) / f;
  const Tensor parts = reshape(x, {n, k, h, f, w, f});
  const bool columns_first = c.text("mode", "DCR") == "DCR";
  c.give(reshape(permute(parts, columns_first ? Ints{0, 3, 5, 1, 2, 4} : Ints{0, 1, 3, 5, 2, 4}),
                 {n, k * f * f, h, w}));
}

void read_center_crop_pad(NodeCall& c) {
  Tensor x = c.in(0);
  const Ints sizes = within_reason(c.host(1), "a size");
  Ints axes = c.ints("axes");
  if (axes.empty())
    for (int d = 0; d < x.rank(); ++d) axes.push_back(d);
  check(axes.size() == sizes.size(), "{} sizes for {} axes", sizes.size(), axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = c.axis(axes[i], x.rank()), have = x.size(axis), want = sizes[i];
    if (want < have) x = slice(x, axis, (have - want) / 2, want);
    if (want <= have) continue;
    Ints pads(2 * static_cast<size_t>(x.rank() - axis), 0);
    pads[pads.size() - 2] = (want - have) / 2;
    pads[pads.size() - 1] = want - have - (want - have) / 2;
    x = pad(x, pads);
  }
  c.give(x);
}

constexpr OpRow kShapes[] = {
    {"CenterCropPad", read_center_crop_pad},
    {"Concat", read_concat},
    {"ConstantOfShape", read_constant_of_shape},
    {"DepthToSpace", read_depth_to_space},
    {"Expand", read_expand},
    {"EyeLike", read_eye_like},
    {"Flatten", read_flatten},
    {"Pad", read_pad},
    {"Range", read_range},
    {"Reshape", read_reshape},
    {"Shape", read_shape},
    {"Size", read_size},
    {"Slice", read_slice},
    {"SpaceToDepth", read_space_to_depth},
    {"Split", read_split},
    {"Squeeze", read_squeeze},
    {"Tile", read_tile},
    {"Transpose", read_transpose},
    {"Trilu", read_trilu},
    {"Unsqueeze", read_unsqueeze},
};

}  // namespace

OpRows shape_rows() { return kShapes; }

}  // namespace cairn::onnx
