#include "cairn/ops/pool.h"

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

// Attributes of all: "kernel", "stride", "pads" (begin and end alike), each one number a dimension;
// where they are wanted also "dilation", "ceil" and, of the average, "divisor".
namespace cairn {
namespace {

// `whole`: no window may lie in the padding alone.
Shape pooled_shape(OpCall& c, const Shape& x, bool whole) {
  const Ints &k = c.attrs->ints("kernel"), &s = c.attrs->ints("stride"), &p = c.attrs->ints("pads");
  const bool ceil = c.attrs->integer_or("ceil", 0) != 0, spaced = c.attrs->has("dilation");
  if (x.ssize() != k.ssize() + 2) c.error("wants {} dimensions", k.size() + 2);
  Shape out = {x[0], x[1]};
  for (int d = 0; d < k.ssize(); ++d) {
    const int64_t apart = spaced ? c.attrs->ints("dilation")[d] : 1;
    if (apart < 1) c.error("dilation {} must be positive", apart);
    if (k[d] < 1 || s[d] < 1) c.error("kernel {} and stride {} must be positive", k[d], s[d]);
    if (p[d] < 0 || 2 * p[d] > k[d])
      c.error("padding {} is more than half of kernel {}", p[d], k[d]);
    const int64_t size = x[d + 2], reach = apart * (k[d] - 1) + 1, room = size + 2 * p[d] - reach;
    if (room < 0) c.error("kernel {} is larger than the padded input {}", reach, size + 2 * p[d]);
    int64_t count = (room + (ceil ? s[d] - 1 : 0)) / s[d] + 1;
    if ((count - 1) * s[d] >= size + p[d]) --count;  // would begin behind the input
    for (int64_t o = 0; whole && (spaced || ceil) && o < count; ++o) {
      const int64_t start = o * s[d] - p[d];
      if (start + (start < 0 ? (apart - 1 - start) / apart * apart : 0) >= size)
        c.error("window {} of dimension {} meets nothing but padding", o, d);
    }
    out.push_back(count);
  }
  return out;
}
void infer_max(OpCall& c) {
  const Shape out = pooled_shape(c, c.shape(), true);
  c.set(0, c.dtype(), out);
  c.set(1, DType::i32, out);
}
void infer_avg(OpCall& c) { c.set(0, c.dtype(), pooled_shape(c, c.shape(), false)); }
void same_windows(OpCall& c, const Shape& values, const Shape& places) {
  if (values != places) c.error("the places {} are of other windows", to_string(places));
}
void infer_to_input(OpCall& c) {  // gradient of the input from that of the output
  Shape out = {c.shape()[0], c.shape()[1]};
  for (int64_t s : c.attrs->ints("spatial")) out.push_back(s);
  c.set(0, c.dtype(), out);
}
void infer_pick(OpCall& c) { c.set(0, c.dtype(0), c.shape(1)); }
Ints spatial_of(const Shape& shape) { return Ints(shape.begin() + 2, shape.end()); }
Attrs with_spatial(const Attrs& a, const Shape& shape) {
  Attrs b = a;
  b.set("spatial", spatial_of(shape));
  return b;
}

const OpDef kOps[] = {
    // The second output is the flat spatial index of each maximum in the input (the first of
    // equals).
    OpDef{"max_pool", "largest of each window, and where it is", 1, 2, infer_max, kSaveOutputs,
          [](VjpCall& c) {
            c.results[0] = apply(op_named("max_pool_scatter"), {c.grad(), c.outputs[1]},
                                 with_spatial(c.attrs, c.input_shapes[0]));
          }}
        .with_onnx("MaxPool"),
    OpDef{"max_pool_scatter", "values added where max_pool found its maxima", 2, 1,
          [](OpCall& c) { same_windows(c, c.shape(0), c.shape(1)), infer_to_input(c); },
          kSaveInputs,
          [](VjpCall& c) {
            if (c.needs[0])
              c.results[0] = apply(op_named("max_pool_pick"), {c.grad(), c.inputs[1]}, c.attrs);
          }},
    OpDef{"max_pool_pick", "values read where max_pool found its maxima", 2, 1, infer_pick,
          kSaveInputs,
          [](VjpCall& c) {
            if (c.needs[0])
              c.results[0] = apply(op_named("max_pool_scatter"), {c.grad(), c.inputs[1]},
                                   with_spatial(c.attrs, c.input_shapes[0]));
          }},
    OpDef{"avg_pool", "mean of each window", 1, 1, infer_avg, 0,
          [](VjpCall& c) {
            c.results[0] = apply(op_named("avg_pool_spread"), {c.grad()},
                                 with_spatial(c.attrs, c.input_shapes[0]));
          }}
        .with_onnx("AveragePool"),
    OpDef{"avg_pool_spread", "each value spread evenly over its window", 1, 1, infer_to_input, 0,
          [](VjpCall& c) { c.results[0] = apply(op_named("avg_pool"), {c.grad()}, c.attrs); }},
};

Ints each(const Ints& given, int count, const Ints& otherwise, Loc loc) {
  if (given.empty()) return otherwise;
  if (given.size() == 1) return Ints(static_cast<size_t>(count), given[0]);
  check(given.ssize() == count, "pool: {} numbers for {} dimensions{}", given.size(), count,
        where(loc));
  return given;
}
Attrs attrs_of(const In& x, const PoolOptions& o) {
  const int spatial = x.t.rank() - 2;
  check(spatial >= 1 && spatial <= 3,
        "pool: wants [N, C, spatial...] with 1 to 3 spatial dimensions, not {}{}",
        to_string(x.t.shape()), where(x.loc));
  check(!o.kernel.empty(), "pool: no kernel size given{}", where(x.loc));
  const Ints kernel = each(o.kernel, spatial, {}, x.loc);
  Attrs attrs = {{"kernel", kernel},
                 {"stride", each(o.stride, spatial, kernel, x.loc)},
                 {"pads", each(o.padding, spatial, Ints(static_cast<size_t>(spatial), 0), x.loc)}};
  const Ints dense(static_cast<size_t>(spatial), 1),
      dilation = each(o.dilation, spatial, dense, x.loc);
  if (dilation != dense) attrs.set("dilation", dilation);
  if (o.ceil_mode) attrs.set("ceil", int64_t{1});
  return attrs;
}
Attrs attrs_of_average(const In& x, const PoolOptions& o) {
  Attrs attrs = attrs_of(x, o);
  check(!attrs.has("dilation"), "avg_pool: has no dilation{}", where(x.loc));
  check(o.divisor >= 0, "avg_pool: divisor {}{}", o.divisor, where(x.loc));
  attrs.set("count_padding", int64_t{o.count_padding});
  if (o.divisor > 0) attrs.set("divisor", o.divisor);
  return attrs;
}
PoolOptions square_window(int64_t kernel, int64_t stride, int64_t padding) {
  return {.kernel = {kernel, kernel},
          .stride = stride ? Ints{stride, stride} : Ints{},
          .padding = {padding, padding}};
}

}  // namespace

std::span<const OpDef> pool_ops() { return kOps; }

Tensor max_pool(In x, const PoolOptions& options) {
  Tensor out[2];
  check(options.divisor == 0, "max_pool: has no divisor{}", where(x.loc));
  apply(op_named("max_pool"), {&x.t, 1}, attrs_of(x, options), out, x.loc);
  return out[0];
}
MaxPooled max_pool_with_indices(In x, const PoolOptions& options) {
  Tensor out[2];
  apply(op_named("max_pool"), {&x.t, 1}, attrs_of(x, options), out, x.loc);
  return {out[0], cast(out[1], DType::i64)};
}
Tensor max_unpool(In values, const Tensor& indices, const Ints& spatial) {
  const Shape& shape = values.t.shape();
  check(shape.ssize() == spatial.ssize() + 2 && indices.defined() && indices.shape() == shape,
        "max_unpool: values {} and indices {} for a size of {} dimensions{}", to_string(shape),
        indices.defined() ? to_string(indices.shape()) : "undefined", spatial.size(),
        where(values.loc));
  Shape out = {shape[0], shape[1]};
  for (int64_t s : spatial) out.push_back(s);
  const Shape flat = {shape[0], shape[1], -1};
  const Tensor empty = full({shape[0], shape[1], numel(spatial)}, 0, values.t.dtype());
  return reshape(scatter(In(empty, values.loc), 2, reshape(indices, flat), reshape(values, flat)),
                 out);
}
Tensor max_pool2d(In x, int64_t kernel, int64_t stride, int64_t padding) {
  return max_pool(x, square_window(kernel, stride, padding));
}
Tensor avg_pool(In x, const PoolOptions& options) {
  return apply(op_named("avg_pool"), {x.t}, attrs_of_average(x, options), x.loc);
}
Tensor avg_pool2d(In x, int64_t kernel, int64_t stride, int64_t padding) {
  return avg_pool(x, square_window(kernel, stride, padding));
}
Tensor lp_pool(In x, double p, const PoolOptions& options) {
  check(p > 0, "lp_pool: p is {}{}", p, where(x.loc));
  const double places = static_cast<double>(numel(attrs_of(x, options).ints("kernel")));
  return pow(mul(avg_pool(In(pow(abs(x), p), x.loc), options), places), 1 / p);
}

namespace {
// Sizes of an adaptive pooling; where all divide evenly it is a plain pooling with this kernel,
// else none.
struct Adaptive {
  Ints size, kernel;
  Adaptive(const char* name, const In& x, const Ints& given) {
    const int spatial = x.t.rank() - 2;
    check(spatial >= 1 && spatial <= 3, "{}: wants [N, C, spatial...], not {}{}", name,
          to_string(x.t.shape()), where(x.loc));
    size = each(given, spatial, {}, x.loc);
    check(!size.empty(), "{}: no size given{}", name, where(x.loc));
    for (int d = 0; d < spatial; ++d) {
      const int64_t from = x.t.shape()[d + 2];
      check(size[d] > 0 && from > 0, "{}: {} to {}{}", name, from, size[d], where(x.loc));
      kernel.push_back(from / size[d]);
      even = even && from % size[d] == 0;
    }
  }
  bool even = true;
};
}  // namespace

Tensor adaptive_avg_pool(In x, const Ints& size) {
  const Adaptive a("adaptive_avg_pool", x, size);
  if (a.even) return avg_pool(x, {.kernel = a.kernel});
  return interpolate(x, {.size = a.size, .mode = Interpolation::area});
}
Tensor adaptive_max_pool(In x, const Ints& size) {
  const Adaptive a("adaptive_max_pool", x, size);
  if (a.even) return max_pool(x, {.kernel = a.kernel});
  Tensor y = x.t;
  for (int d = 0; d < a.size.ssize(); ++d) {
    const int64_t from = y.shape()[d + 2], to = a.size[d];
    Tensors parts;
    for (int64_t o = 0; o < to; ++o) {
      const int64_t first = o * from / to, last = ((o + 1) * from + to - 1) / to;
      parts.push_back(amax(slice(y, d + 2, first, last - first), {d + 2}, true));
    }
    y = cat(parts, d + 2, x.loc);
  }
  return y;
}

}  // namespace cairn
