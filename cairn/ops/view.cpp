#include "cairn/ops/view.h"

#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

void infer_reshape(OpCall& c) {
  const Ints& shape = c.attrs->ints("shape");
  if (numel(shape) != numel(c.shape())) c.error("cannot become shape {}", to_string(shape));
  c.set(0, c.dtype(), shape);
}
// Strides of the new shape over the old memory: each run of old dimensions that lies without gaps
// must be covered by a run of new ones.
bool view_reshape(OpCall& c) {
  const TensorDesc& in = c.in(0);
  TensorDesc& out = *c.outputs[0];
  if (numel(in.shape) == 0) return false;
  Ints strides(out.shape.size(), 1);
  int o = out.shape.ssize() - 1;
  int64_t run_old = 1, run_new = 1, base = in.shape.empty() ? 1 : in.layout.strides.back();
  for (int d = in.shape.ssize() - 1; d >= 0; --d) {
    run_old *= in.shape[d];
    const bool run_ends =
        d == 0 || (in.shape[d - 1] != 1 && in.layout.strides[d - 1] != run_old * base);
    if (!run_ends) continue;
    while (o >= 0 && (run_new < run_old || out.shape[o] == 1)) {
      strides[o] = run_new * base;
      run_new *= out.shape[o--];
    }
    if (run_new != run_old) return false;
    if (d > 0) base = in.layout.strides[d - 1], run_old = run_new = 1;
  }
  out.layout.strides = strides, out.layout.offset = in.layout.offset;
  return true;
}

void infer_permute(OpCall& c) {
  Shape shape;
  for (int64_t d : c.attrs->ints("order")) shape.push_back(c.shape()[d]);
  c.set(0, c.dtype(), shape);
}
bool view_permute(OpCall& c) {
  Layout& layout = c.outputs[0]->layout;
  const Ints& order = c.attrs->ints("order");
  for (size_t d = 0; d < order.size(); ++d) layout.strides[d] = c.in(0).layout.strides[order[d]];
  layout.offset = c.in(0).layout.offset;
  return true;
}

void infer_expand(OpCall& c) {
  const Ints& shape = c.attrs->ints("shape");
  const int extra = shape.ssize() - c.rank();
  if (extra < 0) c.error("cannot expand to the smaller rank of {}", to_string(shape));
  for (int d = 0; d < c.rank(); ++d)
    if (c.shape()[d] != 1 && c.shape()[d] != shape[d + extra])
      c.error("cannot expand to {}: dimension {} is {}", to_string(shape), d, c.shape()[d]);
  c.set(0, c.dtype(), shape);
}
bool view_expand(OpCall& c) {
  TensorDesc& out = *c.outputs[0];
  const int extra = out.shape.ssize() - c.rank();
  for (int d = 0; d < out.shape.ssize(); ++d)
    out.layout.strides[d] = d < extra || (c.shape()[d - extra] == 1 && out.shape[d] != 1)
                                ? 0
                                : c.in(0).layout.strides[d - extra];
  out.layout.offset = c.in(0).layout.offset;
  return true;
}

void infer_slice(OpCall& c) {
  Shape shape = c.shape();
  shape[c.attrs->integer("axis")] = c.attrs->integer("length");
  c.set(0, c.dtype(), shape);
}
bool view_slice(OpCall& c) {
  const int64_t axis = c.attrs->integer("axis");
  Layout& layout = c.outputs[0]->layout;
  layout.strides = c.in(0).layout.strides;
  layout.offset = c.in(0).layout.offset + c.attrs->integer("start") * layout.strides[axis];
  layout.strides[axis] *= c.attrs->integer("step");
  return true;
}
void infer_embed(OpCall& c) {
  Shape shape = c.shape();
  shape[c.attrs->integer("axis")] = c.attrs->integer("size");
  c.set(0, c.dtype(), shape);
}

void infer_cat(OpCall& c) {
  const int64_t axis = c.attrs->integer("axis");
  Shape shape = c.shape(0);
  for (size_t i = 1; i < c.inputs.size(); ++i) {
    const Shape& other = c.shape(i);
    if (c.dtype(i) != c.dtype(0)) c.error("part {} has another dtype", i);
    if (other.size() != shape.size()) c.error("part {} has another number of dimensions", i);
    for (int d = 0; d < shape.ssize(); ++d)
      if (d != axis && other[d] != shape[d]) c.error("part {} differs in dimension {}", i, d);
    shape[axis] += other[axis];
  }
  c.set(0, c.dtype(), shape);
}
void vjp_cat(VjpCall& c) {
  int64_t start = 0;
  const int64_t axis = c.attrs.integer("axis");
  for (size_t i = 0; i < c.results.size(); ++i) {
    const int64_t length = c.input_shapes[i][axis];
    if (c.needs[i]) c.results[i] = slice(c.grad(), axis, start, length);
    start += length;
  }
}
void infer_same(OpCall& c) { c.set(0, c.dtype(), c.shape()); }
void infer_full(OpCall& c) {
  for (int64_t size : c.attrs->ints("shape"))
    if (size < 0) c.error("a size of {}", size);
  const auto dtype = static_cast<DType>(c.attrs->integer("dtype"));
  const double value = c.attrs->number("value");
  if (is_integer(dtype) && !std::isinf(value) && as_held(dtype, value) != std::trunc(value))
    c.error("{} does not hold {}", name_of(dtype), value);  // infinity is the largest it holds
  c.set(0, dtype, c.attrs->ints("shape"));
}
void infer_reorder(OpCall& c) {  // compile()'s layout pass puts it where kernels want blocks
  c.set(0, c.dtype(), c.shape());
  const auto kind = static_cast<LayoutKind>(c.attrs->integer("kind"));
  if (kind == LayoutKind::strided) return;
  if (c.rank() < 2) c.error("only tensors with channels have blocked layouts");
  c.outputs[0]->layout = Layout{kind, static_cast<int>(c.attrs->integer("block")), {}, 0};
  if (kind == LayoutKind::packed) c.outputs[0]->layout.strides = c.attrs->ints("form");
}
void infer_arange(OpCall& c) {
  c.set(0, static_cast<DType>(c.attrs->integer("dtype")), {c.attrs->integer("count")});
}

const OpDef kOps[] = {
    OpDef{"reshape", "the same elements in another shape", 1, 1, infer_reshape, kView,
          [](VjpCall& c) { c.results[0] = reshape(c.grad(), c.input_shapes[0]); }}
        .with_view(view_reshape)
        .with_onnx("Reshape"),
    OpDef{"permute", "dimensions in another order", 1, 1, infer_permute, kView,
          [](VjpCall& c) {
            const Ints& order = c.attrs.ints("order");
            Ints inverse(order.size(), 0);
            for (size_t d = 0; d < order.size(); ++d) inverse[order[d]] = static_cast<int64_t>(d);
            c.results[0] = permute(c.grad(), inverse);
          }}
        .with_view(view_permute)
        .with_onnx("Transpose"),
    OpDef{"expand", "dimensions of size 1 repeated", 1, 1, infer_expand, kView,
          [](VjpCall& c) { c.results[0] = sum_to(c.grad(), c.input_shapes[0]); }}
        .with_view(view_expand)
        .with_onnx("Expand"),
    OpDef{"slice", "a range along one axis", 1, 1, infer_slice, kView,
          [](VjpCall& c) {
            Attrs attrs = c.attrs;
            attrs.set("size", c.input_shapes[0][c.attrs.integer("axis")]);
            c.results[0] = apply(op_named("embed_slice"), {c.grad()}, attrs);
          }}
        .with_view(view_slice)
        .with_onnx("Slice"),
    OpDef{"embed_slice", "zeros, with the input as a range along one axis", 1, 1, infer_embed, 0,
          [](VjpCall& c) {
            c.results[0] = slice(c.grad(), c.attrs.integer("axis"), c.attrs.integer("start"),
                                 c.attrs.integer("length"), c.attrs.integer("step"));
          }},
    OpDef{"cat", "tensors side by side along an axis", -1, 1, infer_cat, 0, vjp_cat}.with_onnx(
        "Concat"),
    OpDef{"flip", "axes in reverse", 1, 1, infer_same, 0,
          [](VjpCall& c) { c.results[0] = flip(c.grad(), c.attrs.ints("axes")); }},
    OpDef{"reorder", "the same tensor in another memory layout", 1, 1, infer_reorder, 0,
          [](VjpCall& c) { c.results[0] = c.grad(); }},
    OpDef{"full", "one value everywhere", 0, 1, infer_full, 0, nullptr, "has no inputs"}.with_onnx(
        "ConstantOfShape"),
    OpDef{"arange", "start, start + step, ...", 0, 1, infer_arange, 0, nullptr, "has no inputs"}
        .with_onnx("Range"),
};

}  // namespace

std::span<const OpDef> view_ops() { return kOps; }

Tensor reshape(In x, const Shape& shape) {
  Shape wanted = shape;
  int64_t known = 1;
  int unknown = -1;
  for (int d = 0; d < wanted.ssize(); ++d) {
    if (wanted[d] >= 0) known *= wanted[d];
    else if (unknown >= 0)
      fail("reshape: two sizes of {} are -1{}", to_string(shape), where(x.loc));
    else unknown = d;
  }
  check(unknown < 0 || known != 0, "reshape: any size fits the -1 of {}: none is left of {}{}",
        to_string(shape), to_string(x.t.shape()), where(x.loc));
  if (unknown >= 0) wanted[unknown] = x.t.numel() / known;
  if (wanted == x.t.shape()) return x.t;
  return apply(op_named("reshape"), {x.t}, {{"shape", wanted}}, x.loc);
}

Tensor flatten(In x, int64_t start_axis, int64_t end_axis) {
  if (x.t.rank() == 0) return reshape(x, {1});
  const int start = normalize_axis("flatten", start_axis, x.t.rank(), x.loc);
  const int end = normalize_axis("flatten", end_axis, x.t.rank(), x.loc);
  check(start <= end, "flatten: start axis {} lies behind end axis {}{}", start, end, where(x.loc));
  Shape shape(x.t.shape().begin(), x.t.shape().begin() + start);
  int64_t product = 1;
  for (int d = start; d <= end; ++d) product *= x.t.shape()[d];
  shape.push_back(product);
  for (int d = end + 1; d < x.t.rank(); ++d) shape.push_back(x.t.shape()[d]);
  return reshape(x, shape);
}

Tensor permute(In x, const Ints& order) {
  const int rank = x.t.rank();
  check(order.ssize() == rank, "permute: {} axes given for {} dimensions{}", order.size(), rank,
        where(x.loc));
  Ints normal, seen(rank, 0);
  bool identity = true;
  for (int64_t axis : order) {
    const int d = normalize_axis("permute", axis, rank, x.loc);
    check(!seen[d]++, "permute: axis {} is given twice{}", d, where(x.loc));
    identity &= d == normal.ssize();
    normal.push_back(d);
  }
  if (identity) return x.t;
  return apply(op_named("permute"), {x.t}, {{"order", normal}}, x.loc);
}

Tensor transpose(In x, int64_t a, int64_t b) {
  Ints order;
  for (int d = 0; d < x.t.rank(); ++d) order.push_back(d);
  std::swap(order[normalize_axis("transpose", a, x.t.rank(), x.loc)],
            order[normalize_axis("transpose", b, x.t.rank(), x.loc)]);
  return permute(x, order);
}

Tensor expand(In x, const Shape& shape) {
  Shape wanted = shape;
  const int extra = shape.ssize() - x.t.rank();
  for (int d = 0; d < wanted.ssize(); ++d)
    if (wanted[d] == -1 && d >= extra) wanted[d] = x.t.shape()[d - extra];
  if (wanted == x.t.shape()) return x.t;
  return apply(op_named("expand"), {x.t}, {{"shape", wanted}}, x.loc);
}

Tensor squeeze(In x, const Ints& axes) {
  Ints drop(x.t.rank(), 0);
  for (int64_t axis : axes) {
    const int d = normalize_axis("squeeze", axis, x.t.rank(), x.loc);
    check(x.t.shape()[d] == 1, "squeeze: dimension {} is {}, not 1{}", d, x.t.shape()[d],
          where(x.loc));
    drop[d] = 1;
  }
  Shape shape;
  for (int d = 0; d < x.t.rank(); ++d)
    if (!drop[d]) shape.push_back(x.t.shape()[d]);
  return reshape(x, shape);
}

Tensor unsqueeze(In x, int64_t axis) {
  Shape shape = x.t.shape();
  shape.insert(normalize_axis("unsqueeze", axis, x.t.rank() + 1, x.loc), 1);
  return reshape(x, shape);
}

Tensor slice(In x, int64_t axis, int64_t start, int64_t length, int64_t step) {
  const int d = normalize_axis("slice", axis, x.t.rank(), x.loc);
  const int64_t size = x.t.shape()[d];
  if (start < 0) start += size;
  const bool fits =
      length == 0 ? start <= size
                  : start < size && length - 1 <= (size - 1 - start) / std::max<int64_t>(step, 1);
  check(step > 0 && length >= 0 && start >= 0 && fits,
        "slice: {} elements from {} by {} do not lie in dimension {} of {}{}", length, start, step,
        d, to_string(x.t.shape()), where(x.loc));
  if (length == size && step == 1) return x.t;
  return apply(op_named("slice"), {x.t},
               {{"axis", int64_t{d}}, {"start", start}, {"length", length}, {"step", step}}, x.loc);
}

Tensor select(In x, int64_t axis, int64_t index) {
  return squeeze(In(slice(x, axis, index, 1), x.loc),
                 {normalize_axis("select", axis, x.t.rank(), x.loc)});
}

Tensors split(In x, const Ints& sizes, int64_t axis) {
  Tensors parts;
  const int d = normalize_axis("split", axis, x.t.rank(), x.loc);
  int64_t start = 0;
  for (int64_t size : sizes) {
    parts.push_back(slice(x, d, start, size));
    start += size;
  }
  check(start == x.t.shape()[d], "split: sizes {} do not add up to {}{}", to_string(sizes),
        x.t.shape()[d], where(x.loc));
  return parts;
}

Tensors chunk(In x, int64_t count, int64_t axis) {
  const int d = normalize_axis("chunk", axis, x.t.rank(), x.loc);
  check(count > 0, "chunk: {} parts of {}: there must be one or more{}", count,
        to_string(x.t.shape()), where(x.loc));
  const int64_t size = x.t.shape()[d], each = size / count + (size % count != 0);
  Ints sizes;
  for (int64_t start = 0; start < size; start += each)
    sizes.push_back(std::min(each, size - start));
  return split(x, sizes, axis);
}

Tensor cat(const Tensors& parts, int64_t axis, Loc loc) {
  check(!parts.empty(), "cat: no tensors given{}", where(loc));
  if (parts.size() == 1) return parts[0];
  Tensor out;
  const int d = normalize_axis("cat", axis, parts[0].rank(), loc);
  apply(op_named("cat"), parts, {{"axis", int64_t{d}}}, {&out, 1}, loc);
  return out;
}

Tensor stack(const Tensors& parts, int64_t axis, Loc loc) {
  Tensors with_axis;
  for (const Tensor& t : parts) with_axis.push_back(unsqueeze(In(t, loc), axis));
  return cat(with_axis, parts.empty() ? 0 : normalize_axis("stack", axis, parts[0].rank() + 1, loc),
             loc);
}

Tensor flip(In x, const Ints& axes) {
  Ints normal;
  for (int64_t axis : axes) normal.push_back(normalize_axis("flip", axis, x.t.rank(), x.loc));
  if (normal.empty()) return x.t;
  return apply(op_named("flip"), {x.t}, {{"axes", normal}}, x.loc);
}

Tensor roll(In x, int64_t shift, int64_t axis) {
  const int64_t size = x.t.size(axis);
  if (size == 0) return x.t;
  const int64_t by = ((shift % size) + size) % size;
  if (by == 0) return x.t;
  return cat({slice(x, axis, size - by, by), slice(x, axis, 0, size - by)}, axis, x.loc);
}

Tensor repeat(In x, const Ints& times) {
  const int extra = times.ssize() - x.t.rank();
  check(extra >= 0, "repeat: {} counts for {} dimensions{}", times.size(), x.t.rank(),
        where(x.loc));
  for (int64_t count : times) check(count >= 0, "repeat: {} times{}", count, where(x.loc));
  Shape apart, spread, joined;
  for (int d = 0; d < times.ssize(); ++d) {
    const int64_t size = d < extra ? 1 : x.t.shape()[d - extra];
    for (int64_t s : {int64_t{1}, size}) apart.push_back(s);
    for (int64_t s : {times[d], size}) spread.push_back(s);
  }
  const Tensor tiled =
      expand(In(reshape(x, apart), x.loc), spread);  // sizes that cannot be end here
  for (int d = 0; d < times.ssize(); ++d) joined.push_back(spread[2 * d] * spread[2 * d + 1]);
  return reshape(In(tiled, x.loc), joined);
}

Tensor contiguous(In x) {
  static const OpDef& op = op_named("copy");
  if (x.t.desc().contiguous()) return x.t;
  return apply(op, {x.t}, {}, x.loc);
}

Tensor full(const Shape& shape, double value, DType dtype, Loc loc) {
  static const OpDef& op = op_named("full");
  if (dtype == DType::u8 && value <= -1 && value > -256) value += 256;  // wraps, as in PyTorch
  return apply(op, {}, {{"shape", shape}, {"value", value}, {"dtype", static_cast<int64_t>(dtype)}},
               loc);
}
Tensor zeros(const Shape& shape, DType dtype, Loc loc) { return full(shape, 0, dtype, loc); }
Tensor ones(const Shape& shape, DType dtype, Loc loc) { return full(shape, 1, dtype, loc); }

Tensor arange(int64_t start, int64_t end, int64_t step, DType dtype, Loc loc) {
  if (step == 0 || (step > 0 ? end < start : end > start))
    fail("arange: no way from {} to {} by {}{}", start, end, step, where(loc));
  const __int128 span = static_cast<__int128>(end) - start;  // of any two ends
  const auto count = static_cast<int64_t>((span + step - (step > 0 ? 1 : -1)) / step);
  return apply(
      op_named("arange"), {},
      {{"start", start}, {"step", step}, {"count", count}, {"dtype", static_cast<int64_t>(dtype)}},
      loc);
}

Tensor eye(int64_t n, DType dtype, Loc loc) {
  if (n < 0) fail("eye: the size {} is negative{}", n, where(loc));
  const Tensor i = arange(0, n);
  return cast(eq(unsqueeze(i, 1), unsqueeze(i, 0)), dtype);
}

namespace {
Tensor triangle(const In& x, int64_t diagonal, bool lower) {
  const Tensor row = unsqueeze(arange(0, x.t.size(-2)), 1),
               column = unsqueeze(arange(0, x.t.size(-1)), 0);
  const Tensor distance = column - row;
  const Tensor keep = lower ? le(distance, static_cast<double>(diagonal))
                            : ge(distance, static_cast<double>(diagonal));
  return where(keep, x, full({}, 0, x.t.dtype()));
}
}  // namespace
Tensor tril(In x, int64_t diagonal) { return triangle(x, diagonal, true); }
Tensor triu(In x, int64_t diagonal) { return triangle(x, diagonal, false); }

namespace {
// One axis of a padding that repeats elements: pieces of the input joined.
Tensor pad_axis(const Tensor& x, int axis, int64_t before, int64_t after, PadMode mode, Loc loc) {
  const auto positive = [](int64_t n) { return std::max<int64_t>(0, n); };
  if ((before < 0 || after < 0) &&
      mode == PadMode::circular) {  // as PyTorch: wraps what the crop leaves
    const int64_t left = x.size(axis) - positive(-before) - positive(-after);
    check(left >= 0, "pad: {} and {} leave nothing of dimension {} of {}{}", before, after, axis,
          to_string(x.shape()), where(loc));
    return pad_axis(slice(x, axis, positive(-before), left), axis, positive(before),
                    positive(after), mode, loc);
  }
  if (before < 0 || after < 0) {  // negative padding crops; what is padded repeats the whole of x
    const Tensor padded = pad_axis(x, axis, positive(before), positive(after), mode, loc);
    const int64_t left = padded.size(axis) - positive(-before) - positive(-after);
    check(left >= 0, "pad: {} and {} leave nothing of dimension {} of {}{}", before, after, axis,
          to_string(x.shape()), where(loc));
    return slice(padded, axis, positive(-before), left);
  }
  if (before == 0 && after == 0) return x;
  const int64_t size = x.size(axis);
  const char* name = mode == PadMode::reflect    ? "reflect"
                     : mode == PadMode::circular ? "circular"
                                                 : "replicate";
  const int64_t most = mode == PadMode::reflect ? size - 1 : size;
  check(mode == PadMode::replicate || (before <= most && after <= most),
        "pad: {} padding of {} and {} is larger than dimension {} of {} allows{}", name, before,
        after, axis, to_string(x.shape()), where(loc));
  Shape edge = x.shape();
  Tensors parts;
  auto repeated = [&](int64_t index, int64_t count) {
    edge[axis] = count;
    return expand(slice(x, axis, index, 1), edge);
  };
  if (before > 0)
    parts.push_back(mode == PadMode::reflect    ? flip(slice(x, axis, 1, before), {axis})
                    : mode == PadMode::circular ? slice(x, axis, size - before, before)
                                                : repeated(0, before));
  parts.push_back(x);
  if (after > 0)
    parts.push_back(mode == PadMode::reflect ? flip(slice(x, axis, size - 1 - after, after), {axis})
                    : mode == PadMode::circular ? slice(x, axis, 0, after)
                                                : repeated(size - 1, after));
  return cat(parts, axis);
}
Tensor pad_constant(const Tensor& x, int axis, int64_t before, int64_t after, double value,
                    Loc loc) {
  Tensor t = x;
  if (before < 0 || after < 0) {  // negative padding crops
    const int64_t start = std::max<int64_t>(0, -before),
                  left = x.size(axis) - start - std::max<int64_t>(0, -after);
    if (left < 0)
      fail("pad: {} and {} take more than there is of dimension {} of {}{}", before, after, axis,
           to_string(x.shape()), where(loc));
    t = slice(x, axis, start, left);
    before = std::max<int64_t>(0, before), after = std::max<int64_t>(0, after);
  }
  if (before == 0 && after == 0) return t;
  if (value == 0)
    return apply(op_named("embed_slice"), {t},
                 {{"axis", int64_t{axis}},
                  {"start", before},
                  {"length", t.size(axis)},
                  {"step", int64_t{1}},
                  {"size", t.size(axis) + before + after}});
  Shape edge = t.shape();
  Tensors parts;
  if (before) edge[axis] = before, parts.push_back(full(edge, value, x.dtype()));
  parts.push_back(t);
  if (after) edge[axis] = after, parts.push_back(full(edge, value, x.dtype()));
  return cat(parts, axis);
}
}  // namespace

Tensor pad(In x, const Ints& pads, PadMode mode, double value) {
  check(pads.size() % 2 == 0 && pads.ssize() <= 2 * x.t.rank(),
        "pad: {} numbers given for a tensor of {} dimensions{}", pads.size(), x.t.rank(),
        where(x.loc));
  Tensor t = x.t;
  for (int i = 0; i < pads.ssize() / 2; ++i) {
    const int axis = x.t.rank() - 1 - i;
    const int64_t before = pads[2 * i], after = pads[2 * i + 1];
    if (before == 0 && after == 0) continue;
    t = mode == PadMode::constant ? pad_constant(t, axis, before, after, value, x.loc)
                                  : pad_axis(t, axis, before, after, mode, x.loc);
  }
  return t;
}

}  // namespace cairn
