#include "cairn/ops/quantize.h"

#include <algorithm>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

void infer_linear(OpCall& c) {  // x [rows, in], values i8 [out, in], scale [out]
  if (c.rank(0) != 2 || c.rank(1) != 2 || c.shape(0)[1] != c.shape(1)[1])
    c.error("x [rows, width] and values [outputs, width] do not fit");
  if (!is_float(c.dtype(0)) || c.dtype(2) != c.dtype(0))
    c.error("x and scale must be floats of one dtype");
  if (c.dtype(1) != DType::i8) c.error("the values must be i8");
  if (c.shape(2) != Shape{c.shape(1)[0]}) c.error("the scale must be [{}]", c.shape(1)[0]);
  c.set(0, c.dtype(0), {c.shape(0)[0], c.shape(1)[0]});
}
Tensor floats(const Tensor& values, DType dtype) { return cast(values, dtype); }

void linear_in_basics(std::span<const Tensor> in, const Attrs&, std::span<Tensor> out) {
  out[0] = matmul(in[0], transpose(floats(in[1], in[0].dtype()), 0, 1)) * in[2];
}
void vjp_linear(VjpCall& c) {
  const Tensor values = floats(c.inputs[1], c.grad().dtype());
  if (c.needs[0]) c.results[0] = matmul(c.grad() * c.inputs[2], values);
  if (c.needs[2]) c.results[2] = sum(c.grad() * matmul(c.inputs[0], transpose(values, 0, 1)), {0});
}

const OpDef kOps[] = {
    OpDef{"linear_int8", "x times the transpose of an 8-bit weight, times a scale an output", 3, 1,
          infer_linear, kSaveInputs, vjp_linear, nullptr, linear_in_basics},
};

Int8Weight quantize_rows(const Tensor& weight) {
  constexpr double kLargest = 127;
  const Tensor top = amax(abs(weight), {1}, true);
  const Tensor one = full({}, 1, top.dtype()), some = gt(top, 0);
  const Tensor inverse = where(some, full({}, kLargest, top.dtype()) / where(some, top, one), one);
  return {cast(round(weight * inverse), DType::i8), squeeze(top, {1}) * (1 / kLargest)};
}

}  // namespace

std::span<const OpDef> quantize_ops() { return kOps; }

Int8Weight quantize_int8(In weight) {
  check(weight.t.rank() == 2 && is_float(weight.t.dtype()),
        "quantize_int8: wants a weight [out, in] of floats, not {}{}", to_string(weight.t.desc()),
        where(weight.loc));
  constexpr int64_t kRows = 4096;  // at a time: large weights need little memory beside them
  const NoGrad no_grad;
  const int64_t rows = weight.t.size(0);
  Tensors values, scales;
  for (int64_t row = 0; row == 0 || row < rows; row += kRows) {
    const Int8Weight part = quantize_rows(slice(weight, 0, row, std::min(kRows, rows - row)));
    values.push_back(part.values), scales.push_back(part.scale);
  }
  return {cat(values, 0, weight.loc), cat(scales, 0, weight.loc)};
}

Tensor linear_int8(In x, const Int8Weight& weight, const Tensor& bias) {
  check(x.t.rank() >= 1 && weight.values.rank() == 2,
        "linear_int8: wants x [..., in] and a weight [out, in]{}", where(x.loc));
  Shape shape = x.t.shape();
  shape.back() = weight.values.shape()[0];
  const Tensor rows = reshape(x, {-1, x.t.size(-1)});
  const Tensor y = reshape(
      apply(op_named("linear_int8"), {rows, weight.values, weight.scale}, {}, x.loc), shape);
  return bias.defined() ? add(In(y, x.loc), bias) : y;
}

}  // namespace cairn
