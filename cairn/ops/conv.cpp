#include "cairn/ops/conv.h"

#include <algorithm>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

// Convolution is bilinear; the three ops here are each other's derivatives, so gradients of any
// order stay among them. All carry "stride", "pads" (begin, end of each dimension), "dilation" and
// "groups".
namespace cairn {
namespace {

struct Geometry {
  const Ints &stride, &pads, &dilation;
  int64_t groups;
  explicit Geometry(const Attrs& a)
      : stride(a.ints("stride")),
        pads(a.ints("pads")),
        dilation(a.ints("dilation")),
        groups(a.integer("groups")) {}
};

void check_common(OpCall& c, const Shape& weight, int spatial) {
  const Geometry g(*c.attrs);
  if (c.dtype(0) != c.dtype(1)) c.error("inputs differ in dtype");
  if (!is_float(c.dtype(0))) c.error("wants floats");
  if (spatial < 1 || spatial > 3) c.error("wants 1 to 3 spatial dimensions");
  for (int d = 0; d < spatial; ++d) {
    if (g.stride[d] < 1) c.error("stride {} in dimension {}", g.stride[d], d);
    if (g.dilation[d] < 1) c.error("dilation {} in dimension {}", g.dilation[d], d);
    if (g.pads[2 * d] < 0 || g.pads[2 * d + 1] < 0) c.error("negative padding in dimension {}", d);
  }
  if (g.groups < 1 || weight[0] % g.groups)
    c.error("{} output channels do not divide into {} groups", weight[0], g.groups);
}

// The output size of dimension d of a convolution over `in` with kernel `k`.
int64_t output_size(const Geometry& g, int d, int64_t in, int64_t k) {
  return (in + g.pads[2 * d] + g.pads[2 * d + 1] - g.dilation[d] * (k - 1) - 1) / g.stride[d] + 1;
}

void infer_conv(OpCall& c) {
  const Shape &x = c.shape(0), &w = c.shape(1);
  if (x.size() != w.size()) c.error("input and weight differ in their number of dimensions");
  check_common(c, w, x.ssize() - 2);
  const Geometry g(*c.attrs);
  if (x[1] != w[1] * g.groups)
    c.error("the input has {} channels, the weight wants {} ({} in each of {} groups)", x[1],
            w[1] * g.groups, w[1], g.groups);
  Shape out = {x[0], w[0]};
  for (int d = 0; d < x.ssize() - 2; ++d) {
    const int64_t padded = x[d + 2] + g.pads[2 * d] + g.pads[2 * d + 1];
    if (padded < g.dilation[d] * (w[d + 2] - 1) + 1)
      c.error("the kernel ({}, dilation {}) is larger than the padded input ({}) in dimension {}",
              w[d + 2], g.dilation[d], padded, d);
    out.push_back(output_size(g, d, x[d + 2], w[d + 2]));
  }
  c.set(0, c.dtype(0), out);
}
// x, w, bias [O] and perhaps a residual like the output.
void infer_conv_fused(OpCall& c) {
  if (c.inputs.size() != 3 && c.inputs.size() != 4)
    c.error("wants x, w, bias and perhaps a residual");
  infer_conv(c);
  if (c.shape(2) != Shape{c.shape(1)[0]})
    c.error("a bias of {} for {} channels", to_string(c.shape(2)), c.shape(1)[0]);
  if (c.inputs.size() == 4 && c.shape(3) != c.out().shape)
    c.error("a residual of {} for an output of {}", to_string(c.shape(3)),
            to_string(c.out().shape));
  for (size_t i = 2; i < c.inputs.size(); ++i)
    if (c.dtype(static_cast<int>(i)) != c.dtype(0)) c.error("inputs differ in dtype");
}
// (gradient of the output, weight) -> gradient of the input, of spatial size "spatial".
void infer_grad_input(OpCall& c) {
  const Shape &gy = c.shape(0), &w = c.shape(1);
  if (gy.size() != w.size()) c.error("input and weight differ in their number of dimensions");
  check_common(c, w, gy.ssize() - 2);
  const Geometry g(*c.attrs);
  if (gy[1] != w[0]) c.error("the input has {} channels, the weight wants {}", gy[1], w[0]);
  Shape out = {gy[0], w[1] * g.groups};
  const Ints& spatial = c.attrs->ints("spatial");
  for (int d = 0; d < gy.ssize() - 2; ++d) {
    if (output_size(g, d, spatial[d], w[d + 2]) != gy[d + 2])
      c.error("size {} in dimension {} is not what a convolution over {} gives", gy[d + 2], d,
              spatial[d]);
    out.push_back(spatial[d]);
  }
  c.set(0, c.dtype(0), out);
}
// (input, gradient of the output) -> gradient of the weight, of kernel size "kernel".
void infer_grad_weight(OpCall& c) {
  const Shape &x = c.shape(0), &gy = c.shape(1);
  const Geometry g(*c.attrs);
  Shape out = {gy[1], x[1] / g.groups};
  for (int64_t k : c.attrs->ints("kernel")) out.push_back(k);
  check_common(c, out, x.ssize() - 2);
  if (x[0] != gy[0]) c.error("batch sizes differ");
  c.set(0, c.dtype(0), out);
}

Ints spatial_of(const Shape& shape) { return Ints(shape.begin() + 2, shape.end()); }
Tensor call_conv(const Attrs& a, const Tensor& x, const Tensor& w) {
  return apply(op_named("conv"), {x, w}, a, context().loc);
}
Tensor call_grad_input(Attrs a, const Tensor& gy, const Tensor& w, const Ints& spatial) {
  a.set("spatial", spatial);
  return apply(op_named("conv_grad_input"), {gy, w}, a, context().loc);
}
Tensor call_grad_weight(Attrs a, const Tensor& x, const Tensor& gy, const Ints& kernel) {
  a.set("kernel", kernel);
  return apply(op_named("conv_grad_weight"), {x, gy}, a, context().loc);
}
Tensor with_bias(const Tensor& y, const Tensor& bias, Loc loc) {
  if (!bias.defined()) return y;
  Shape shape(y.rank() - 1, 1);
  shape[0] = bias.numel();
  return add(In(y, loc), reshape(bias, shape));
}
Attrs geometry_only(const Attrs& a) {
  return {{"stride", a.ints("stride")},
          {"pads", a.ints("pads")},
          {"dilation", a.ints("dilation")},
          {"groups", a.integer("groups")}};
}

void conv_fused_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  Tensor y = with_bias(call_conv(geometry_only(a), in[0], in[1]), in[2], context().loc);
  if (in.size() == 4) y = y + in[3];
  out[0] = a.integer("relu") ? relu(y) : y;
}

const OpDef kOps[] = {
    OpDef{"conv", "convolution", 2, 1, infer_conv, kSaveInputs,
          [](VjpCall& c) {
            const Attrs a = geometry_only(c.attrs);
            if (c.needs[0])
              c.results[0] =
                  call_grad_input(a, c.grad(), c.inputs[1], spatial_of(c.input_shapes[0]));
            if (c.needs[1])
              c.results[1] =
                  call_grad_weight(a, c.inputs[0], c.grad(), spatial_of(c.input_shapes[1]));
          }}
        .with_autocast(Autocast::low)
        .with_onnx("Conv"),
    OpDef{"conv_grad_input", "transposed convolution: the gradient of conv for its input", 2, 1,
          infer_grad_input, kSaveInputs,
          [](VjpCall& c) {
            const Attrs a = geometry_only(c.attrs);
            if (c.needs[0]) c.results[0] = call_conv(a, c.grad(), c.inputs[1]);
            if (c.needs[1])
              c.results[1] =
                  call_grad_weight(a, c.grad(), c.inputs[0], spatial_of(c.input_shapes[1]));
          }}
        .with_autocast(Autocast::low)
        .with_onnx("ConvTranspose"),
    OpDef{"conv_grad_weight", "the gradient of conv for its weight", 2, 1, infer_grad_weight,
          kSaveInputs,
          [](VjpCall& c) {
            const Attrs a = geometry_only(c.attrs);
            if (c.needs[0])
              c.results[0] =
                  call_grad_input(a, c.inputs[1], c.grad(), spatial_of(c.input_shapes[0]));
            if (c.needs[1]) c.results[1] = call_conv(a, c.inputs[0], c.grad());
          }}
        .with_autocast(Autocast::low),
    OpDef{"conv_fused", "convolution + bias, + residual where there is one, then relu where asked",
          -1, 1, infer_conv_fused, 0, nullptr, "made after differentiation", conv_fused_in_basics},
};

Ints each(const char* what, const Ints& given, int count, Loc loc) {
  if (given.size() == 1) return Ints(static_cast<size_t>(count), given[0]);
  check(given.ssize() == count, "conv: {} has {} numbers for {} dimensions{}", what, given.size(),
        count, where(loc));
  return given;
}
Ints pairs(const Ints& padding, int spatial, Loc loc) {
  if (padding.ssize() == 2 * spatial && spatial > 0 && padding.size() > 1 &&
      padding.ssize() != spatial)
    return padding;
  Ints both;
  for (int64_t p : each("padding", padding, spatial, loc)) both.push_back(p), both.push_back(p);
  return both;
}

}  // namespace

std::span<const OpDef> conv_ops() { return kOps; }

Tensor conv(In x, const Tensor& weight, const Tensor& bias, const ConvOptions& o) {
  check(weight.defined(), "conv: undefined weight{}", where(x.loc));
  const int spatial = weight.rank() - 2;
  const Attrs attrs = {{"stride", each("stride", o.stride, spatial, x.loc)},
                       {"pads", pairs(o.padding, spatial, x.loc)},
                       {"dilation", each("dilation", o.dilation, spatial, x.loc)},
                       {"groups", o.groups}};
  return with_bias(apply(op_named("conv"), {x.t, weight}, attrs, x.loc), bias, x.loc);
}

namespace {
Tensor conv_of_rank(int spatial, In x, const Tensor& weight, const Tensor& bias,
                    const ConvOptions& options) {
  check(weight.defined() && weight.rank() == spatial + 2,
        "conv{}d: the weight must have {} dimensions{}", spatial, spatial + 2, where(x.loc));
  return conv(x, weight, bias, options);
}
}  // namespace
Tensor conv1d(In x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  return conv_of_rank(1, x, weight, bias, options);
}
Tensor conv2d(In x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  return conv_of_rank(2, x, weight, bias, options);
}
Tensor conv3d(In x, const Tensor& weight, const Tensor& bias, const ConvOptions& options) {
  return conv_of_rank(3, x, weight, bias, options);
}

Tensor conv_transpose(In x, const Tensor& weight, const Tensor& bias,
                      const ConvTransposeOptions& o) {
  check(weight.defined() && weight.rank() == x.t.rank(),
        "conv_transpose: input and weight differ in their number of dimensions{}", where(x.loc));
  const int spatial = weight.rank() - 2;
  const Ints stride = each("stride", o.stride, spatial, x.loc),
             dilation = each("dilation", o.dilation, spatial, x.loc);
  const Ints pads = pairs(o.padding, spatial, x.loc),
             extra = each("output_padding", o.output_padding, spatial, x.loc);
  Ints size, more;  // rows of zeros behind x: an output_padding of whole strides
  for (int d = 0; d < spatial; ++d) {
    check(extra[d] >= 0 && extra[d] < std::max(stride[d], dilation[d]),
          "conv_transpose: output_padding {} must be below the stride or the dilation{}", extra[d],
          where(x.loc));
    more.insert(0, extra[d] / stride[d]), more.insert(0, 0);
    size.push_back((x.t.shape()[d + 2] - 1) * stride[d] - pads[2 * d] - pads[2 * d + 1] +
                   dilation[d] * (weight.shape()[d + 2] - 1) + extra[d] + 1);
    check(size[d] > 0, "conv_transpose: dimension {} of the output would be {}{}", d, size[d],
          where(x.loc));
  }
  const Attrs attrs = {{"stride", stride},
                       {"pads", pads},
                       {"dilation", dilation},
                       {"groups", o.groups},
                       {"spatial", size}};
  const bool whole = std::any_of(more.begin(), more.end(), [](int64_t n) { return n > 0; });
  const Tensor longer = whole ? pad(x, more) : x.t;
  return with_bias(apply(op_named("conv_grad_input"), {longer, weight}, attrs, x.loc), bias, x.loc);
}

}  // namespace cairn
