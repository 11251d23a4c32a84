// Whole numbers with a scale. They are computed in f32 (sums in f64) and rounded where the file
// says so.
#include <algorithm>

#include "cairn/base/round.h"
#include "cairn/onnx/file.h"
#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"
#include "onnx.pb.h"

namespace cairn::onnx {
namespace {

using Proto = onnx_proto::TensorProto;

struct Whole {
  double least, most;
};
Whole range_of(int32_t element) {
  switch (element) {
    case Proto::UINT8: return {0, 255};
    case Proto::INT8: return {-128, 127};
    case Proto::UINT16: return {0, 65535};
    case Proto::INT16: return {-32768, 32767};
    case Proto::UINT4: return {0, 15};
    case Proto::INT4: return {-8, 7};
    case Proto::UINT2: return {0, 3};
    case Proto::INT2: return {-2, 1};
    default: fail("quantizes to element type {}, which is not read", element);
  }
}

// A scale or zero point against x: one, one for each along the axis, or one a block of it.
Tensor spread(const NodeCall& c, const Tensor& t, const Tensor& x) {
  if (t.numel() == 1) return reshape(t, {});
  const int64_t axis = c.axis(c.integer("axis", 1), x.rank()),
                block = std::min(c.integer("block_size", 0), std::max<int64_t>(1, x.size(axis)));
  if (block > 0) {
    bool fits = t.rank() == x.rank();
    for (int d = 0; fits && d < x.rank(); ++d)
      fits = d == axis ? t.size(d) == ceil_div(x.size(d), block) : t.size(d) == x.size(d);
    check(fits, "scales or zero points {} of blocks of {} along axis {} of {}",
          to_string(t.shape()), block, axis, to_string(x.shape()));
    Shape apart = t.shape();  // each block_size times along the axis
    apart[static_cast<size_t>(axis)] *= block;
    Ints with(t.shape().begin(), t.shape().begin() + axis + 1);
    with.push_back(block);
    Shape line(t.shape().begin(), t.shape().begin() + axis + 1);
    line.push_back(1);
    for (int d = static_cast<int>(axis) + 1; d < t.rank(); ++d)
      with.push_back(t.size(d)), line.push_back(t.size(d));
    const Tensor wide = reshape(contiguous(expand(reshape(t, line), with)), apart);
    return slice(wide, axis, 0, x.size(axis));
  }
  Shape line(static_cast<size_t>(x.rank()), 1);
  check(t.numel() == x.size(axis), "{} scales or zero points for {} along axis {}", t.numel(),
        x.size(axis), axis);
  line[static_cast<size_t>(axis)] = t.numel();
  return reshape(t, line);
}

Tensor rounded(const Tensor& steps, const Tensor& zero, int32_t element, bool saturates) {
  const DType dtype = dtype_of_element(element, "y");
  if (is_float(dtype))
    return cast(steps, dtype, saturates ? F8Overflow::saturate : F8Overflow::nan);
  const Whole range = range_of(element);
  Tensor y = round(steps);
  if (zero.defined()) y = y + cast(zero, y.dtype());
  return cast(clamp(y, range.least, range.most), dtype);
}

void read_quantize(NodeCall& c) {
  const Tensor& x = c.in(0);
  const Tensor scale = spread(c, cast(c.in(1), DType::f32), x);
  const int32_t named = c.element_named("output_dtype", 0);
  const int32_t element = named ? named : c.has(2) ? c.element(2) : int32_t{Proto::UINT8};
  const Tensor zero = c.has(2) ? spread(c, c.in(2), x) : Tensor();
  c.give(rounded(cast(x, DType::f32) / scale, zero, element, c.integer("saturate", 1) != 0), 0,
         element);
}

Tensor dequantized(const NodeCall& c, size_t x, size_t scale, size_t zero) {
  const DType to = c.in(scale).dtype();
  Tensor y = cast(c.in(x), DType::f32);
  if (c.has(zero)) y = y - cast(spread(c, c.in(zero), c.in(x)), DType::f32);
  return cast(y * cast(spread(c, c.in(scale), c.in(x)), DType::f32), to);
}
void read_dequantize(NodeCall& c) {
  const int32_t to = c.element_named("output_dtype", 0);
  const Tensor y = dequantized(c, 0, 1, 2);
  c.give(to ? cast(y, dtype_of_element(to, "y")) : y);
}

void read_dynamic_quantize(NodeCall& c) {
  const Tensor& x = c.in(0);
  const Tensor zero = scalar(0, DType::f32);
  const Tensor low = minimum(amin(x), zero), high = maximum(amax(x), zero);
  const Tensor range = high - low;
  const Tensor scale = where(eq(range, 0.0), scalar(1, DType::f32), range / 255.0);
  const Tensor point = round(clamp(-low / scale, 0, 255));
  c.give(cast(clamp(round(x / scale) + point, 0, 255), DType::u8));
  c.give(scale, 1), c.give(cast(point, DType::u8), 2);
}

// x with its scale and zero point, in f64; of weights along their first axis.
Tensor real_values(const NodeCall& c, size_t x, int64_t axis) {
  const auto line = [&](const Tensor& t) {
    if (t.numel() == 1) return reshape(t, {});
    if (t.rank() > 1) return t;
    Shape s(static_cast<size_t>(c.in(x).rank()), 1);
    s[static_cast<size_t>(c.axis(axis, c.in(x).rank()))] = t.numel();
    return reshape(t, s);
  };
  return (cast(c.in(x), DType::f64) - line(cast(c.in(x + 2), DType::f64))) *
         line(cast(c.in(x + 1), DType::f64));
}
Tensor quantized_as(const NodeCall& c, const Tensor& y, size_t scale) {
  const Tensor steps = y / cast(reshape(c.in(scale), {}), DType::f64);
  return rounded(steps, reshape(c.in(scale + 1), {}), c.element(scale + 1), true);
}

void read_qlinear_matmul(NodeCall& c) {
  const int64_t rows = std::max(0, c.in(0).rank() - 2), columns = c.in(3).rank() - 1;
  c.give(quantized_as(c, matmul(real_values(c, 0, rows), real_values(c, 3, columns)), 6));
}

void read_qlinear_conv(NodeCall& c) {
  // In f64: whole numbers of 8 bits and their sums are exact there.
  const Tensor x = real_values(c, 0, 0), w = real_values(c, 3, 0);
  Tensor bias;
  if (c.has(8))
    bias = cast(c.in(8), DType::f64) *
           (cast(reshape(c.in(1), {}), DType::f64) *
            cast(c.in(4).numel() == 1 ? reshape(c.in(4), {}) : c.in(4), DType::f64));
  c.give(quantized_as(c, convolved(c, x, w, bias), 6));
}

constexpr OpRow kQuantized[] = {
    {"DequantizeLinear", read_dequantize}, {"DynamicQuantizeLinear", read_dynamic_quantize},
    {"QLinearConv", read_qlinear_conv},    {"QLinearMatMul", read_qlinear_matmul},
    {"QuantizeLinear", read_quantize},
};

}  // namespace

OpRows quantized_rows() { return kQuantized; }

}  // namespace cairn::onnx
