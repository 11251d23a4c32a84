#include "cairn/ops/qlinear.h"

#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/families.h"

namespace cairn {
namespace {

void check_params(const OpCall& c, const char* scale_name, const char* zero_name) {
  const double scale = c.attrs->number(scale_name);
  const int64_t zero = c.attrs->integer(zero_name);
  if (!(scale > 0) || !std::isfinite(scale))
    c.error("{} {} must be positive and finite", scale_name, scale);
  if (zero < 0 || zero > 255) c.error("{} {} must be in 0 to 255", zero_name, zero);
}
void want(const OpCall& c, int input, DType dtype) {
  if (c.dtype(input) != dtype) c.error("input {} must be {}", input, name_of(dtype));
}

void infer_quantize(OpCall& c) {
  want(c, 0, DType::f32);
  if (c.rank() < 2) c.error("wants [N, C, spatial...]");
  check_params(c, "scale", "zero");
  Shape shape = {c.shape()[0]};
  for (int d = 2; d < c.rank(); ++d) shape.push_back(c.shape()[d]);
  shape.push_back(c.shape()[1]);
  c.set(0, DType::u8, shape);
}
void infer_dequantize(OpCall& c) {
  want(c, 0, DType::u8);
  if (c.rank() < 2) c.error("wants [N, spatial..., C]");
  check_params(c, "scale", "zero");
  Shape shape = {c.shape()[0], c.shape().back()};
  for (int d = 1; d + 1 < c.rank(); ++d) shape.push_back(c.shape()[d]);
  c.set(0, DType::f32, shape);
}
void infer_requantize(OpCall& c) {
  want(c, 0, DType::u8);
  check_params(c, "x_scale", "x_zero"), check_params(c, "y_scale", "y_zero");
  c.set(0, DType::u8, c.shape());
}
void infer_add(OpCall& c) {
  want(c, 0, DType::u8), want(c, 1, DType::u8);
  if (c.shape(0) != c.shape(1)) c.error("wants two tensors of one shape");
  check_params(c, "a_scale", "a_zero"), check_params(c, "b_scale", "b_zero"),
      check_params(c, "y_scale", "y_zero");
  c.set(0, DType::u8, c.shape());
}

Shape conv_shape(const OpCall& c) {
  const Shape &x = c.shape(0), &w = c.shape(1);
  const Attrs& a = *c.attrs;
  const Ints &stride = a.ints("stride"), &pads = a.ints("pads"), &dilation = a.ints("dilation");
  const int64_t groups = a.integer("groups");
  if (x.size() != 4 || w.size() != 4)
    c.error("wants x [N, H, W, C] and a weight [O, kh, kw, C / groups]");
  if (stride.size() != 2 || pads.size() != 4 || dilation.size() != 2)
    c.error("wants two spatial dimensions");
  if (groups < 1 || w[0] % groups || x[3] != w[3] * groups)
    c.error("{} input and {} output channels do not divide into {} groups of this weight", x[3],
            w[0], groups);
  if (w[1] * w[2] * w[3] > kQConvMostTerms)
    c.error("sums of {} products may not fit 32 bits; {} do", w[1] * w[2] * w[3], kQConvMostTerms);
  Shape y = {x[0]};
  for (int d = 0; d < 2; ++d) {
    if (stride[d] < 1 || dilation[d] < 1 || pads[2 * d] < 0 || pads[2 * d + 1] < 0)
      c.error("stride and dilation must be positive, padding not negative");
    const int64_t spare =
        x[d + 1] + pads[2 * d] + pads[2 * d + 1] - dilation[d] * (w[d + 1] - 1) - 1;
    if (spare < 0 || w[d + 1] < 1)
      c.error("the kernel does not fit the padded input in dimension {}", d);
    y.push_back(spare / stride[d] + 1);
  }
  y.push_back(w[0]);
  return y;
}
void infer_conv(OpCall& c) {  // x, weight, weight_scale, bias and perhaps a residual
  if (c.inputs.size() != 4 && c.inputs.size() != 5)
    c.error("wants x, weight, weight_scale, bias and perhaps a residual");
  want(c, 0, DType::u8), want(c, 1, DType::i8), want(c, 2, DType::f32), want(c, 3, DType::f32);
  const Shape y = conv_shape(c), channels = {y[3]};
  if (c.shape(2) != channels || c.shape(3) != channels)
    c.error("weight_scale and bias must be [{}]", y[3]);
  check_params(c, "x_scale", "x_zero"), check_params(c, "y_scale", "y_zero");
  if (c.inputs.size() == 5) {
    want(c, 4, DType::u8), check_params(c, "residual_scale", "residual_zero");
    if (c.shape(4) != y)
      c.error("a residual of {} for a result of {}", to_string(c.shape(4)), to_string(y));
  }
  c.set(0, c.attrs->integer("floats") ? DType::f32 : DType::u8, y);
}

Shape pooled_shape(const OpCall& c) {
  want(c, 0, DType::u8);
  const Ints &kernel = c.attrs->ints("kernel"), &stride = c.attrs->ints("stride"),
             &pads = c.attrs->ints("pads");
  if (c.rank() != 4 || kernel.size() != 2 || stride.size() != 2 || pads.size() != 2)
    c.error("wants [N, H, W, C] and two spatial dimensions");
  Shape out = {c.shape()[0]};
  for (int d = 0; d < 2; ++d) {
    const int64_t spare = c.shape()[d + 1] + 2 * pads[d] - kernel[d];
    if (kernel[d] < 1 || stride[d] < 1) c.error("kernel and stride must be positive");
    if (pads[d] < 0 || 2 * pads[d] > kernel[d])
      c.error("padding {} is more than half of kernel {}", pads[d], kernel[d]);
    if (spare < 0)
      c.error("kernel {} is larger than the padded input {}", kernel[d], spare + kernel[d]);
    out.push_back(spare / stride[d] + 1);
  }
  out.push_back(c.shape()[3]);
  return out;
}
void infer_max_pool(OpCall& c) { c.set(0, DType::u8, pooled_shape(c)); }
void infer_average_pool(OpCall& c) {
  check_params(c, "x_scale", "x_zero"), check_params(c, "y_scale", "y_zero");
  c.set(0, DType::u8, pooled_shape(c));
}

constexpr const char* kNone = "8-bit inference is not learned through";
OpDef row(const char* name, const char* doc, int inputs, void (*infer)(OpCall&),
          unsigned flags = 0) {
  return OpDef{name, doc, inputs, 1, infer, flags, nullptr, kNone};
}

const OpDef kOps[] = {
    row("quantize_linear", "f32 [N, C, spatial...] as u8 [N, spatial..., C], x / scale + zero", 1,
        infer_quantize, kMayFault)
        .with_onnx("QuantizeLinear"),
    row("dequantize_linear", "u8 [N, spatial..., C] as f32 [N, C, spatial...], (x - zero) * scale",
        1, infer_dequantize)
        .with_onnx("DequantizeLinear"),
    row("requantize_linear", "u8 under another scale and zero point", 1, infer_requantize),
    row("qlinear_conv",
        "8-bit convolution + bias, + residual where there is one, then relu where asked; "
        "channels last",
        -1, infer_conv)
        .with_onnx("QLinearConv"),
    row("qlinear_add", "a + b in 8 bits, then relu where asked", 2, infer_add),
    row("qlinear_max_pool", "largest of each window, 8 bits, channels last", 1, infer_max_pool),
    row("qlinear_average_pool", "mean of each window, 8 bits, channels last", 1,
        infer_average_pool),
};

Ints both(const Ints& given, int64_t otherwise) {
  if (given.empty()) return {otherwise, otherwise};
  return given.size() == 1 ? Ints{given[0], given[0]} : given;
}
Attrs pool_attrs(const PoolOptions& o) {
  const Ints kernel = both(o.kernel, 1);
  return {{"kernel", kernel},
          {"stride", o.stride.empty() ? kernel : both(o.stride, 1)},
          {"pads", both(o.padding, 0)}};
}
void set_params(Attrs& attrs, const char* scale, const char* zero, const QParams& p) {
  attrs.set(scale, p.scale), attrs.set(zero, p.zero);
}

}  // namespace

std::span<const OpDef> qlinear_ops() { return kOps; }

Tensor quantize_linear(In x, const QParams& to) {
  return apply(op_named("quantize_linear"), {x.t}, {{"scale", to.scale}, {"zero", to.zero}}, x.loc);
}
Tensor dequantize_linear(In x, const QParams& from) {
  return apply(op_named("dequantize_linear"), {x.t}, {{"scale", from.scale}, {"zero", from.zero}},
               x.loc);
}
Tensor requantize_linear(In x, const QParams& from, const QParams& to) {
  Attrs attrs;
  set_params(attrs, "x_scale", "x_zero", from), set_params(attrs, "y_scale", "y_zero", to);
  return apply(op_named("requantize_linear"), {x.t}, attrs, x.loc);
}

Tensor qlinear_conv(In x, const Tensor& weight, const Tensor& weight_scale, const Tensor& bias,
                    const Tensor& residual, const QConvOptions& o) {
  const Ints& given = o.conv.padding;
  const Ints pads = given.size() == 4   ? given
                    : given.size() == 2 ? Ints{given[0], given[0], given[1], given[1]}
                                        : Ints(4, given.empty() ? 0 : given[0]);
  Attrs attrs = {{"stride", both(o.conv.stride, 1)},
                 {"pads", pads},
                 {"dilation", both(o.conv.dilation, 1)},
                 {"groups", o.conv.groups},
                 {"relu", int64_t{o.relu}},
                 {"floats", int64_t{o.floats}}};
  set_params(attrs, "x_scale", "x_zero", o.x);
  set_params(attrs, "y_scale", "y_zero", o.floats ? QParams{} : o.y);
  Tensors in = {x.t, weight, weight_scale, bias};
  if (residual.defined())
    in.push_back(residual), set_params(attrs, "residual_scale", "residual_zero", o.residual);
  Tensor out;
  apply(op_named("qlinear_conv"), in, attrs, {&out, 1}, x.loc);
  return out;
}

Tensor qlinear_add(In a, const Tensor& b, const QParams& pa, const QParams& pb, const QParams& y,
                   bool relu) {
  Attrs attrs = {{"relu", int64_t{relu}}};
  set_params(attrs, "a_scale", "a_zero", pa), set_params(attrs, "b_scale", "b_zero", pb);
  set_params(attrs, "y_scale", "y_zero", y);
  return apply(op_named("qlinear_add"), {a.t, b}, attrs, a.loc);
}

Tensor qlinear_max_pool(In x, const PoolOptions& options) {
  return apply(op_named("qlinear_max_pool"), {x.t}, pool_attrs(options), x.loc);
}
Tensor qlinear_average_pool(In x, const PoolOptions& options, const QParams& from,
                            const QParams& to) {
  Attrs attrs = pool_attrs(options);
  attrs.set("count_padding", int64_t{options.count_padding});
  set_params(attrs, "x_scale", "x_zero", from), set_params(attrs, "y_scale", "y_zero", to);
  return apply(op_named("qlinear_average_pool"), {x.t}, attrs, x.loc);
}

}  // namespace cairn
