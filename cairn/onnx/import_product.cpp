// Matrix products.
#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"

namespace cairn::onnx {
namespace {

// By kernels for numbers; of integers in f64, where sums are exact up to 2^53.
Tensor product_of(const Tensor& a, const Tensor& b) {
  if (is_float(a.dtype())) return matmul(a, b);
  return cast(matmul(cast(a, DType::f64), cast(b, DType::f64)), promote(a.dtype(), b.dtype()));
}
void read_matmul(NodeCall& c) { c.give(product_of(c.in(0), c.right_operand(1))); }

// alpha A' B' + beta C.
void read_gemm(NodeCall& c) {
  const double alpha = c.number("alpha", 1), beta = c.number("beta", 1);
  const bool turns_b = c.integer("transB", 0) != 0;
  const Tensor a = c.integer("transA", 0) != 0 ? transpose(c.in(0), 0, 1) : c.in(0);
  const bool is_linear = turns_b && alpha == 1 && is_float(a.dtype());
  if (is_linear && beta == 1 && c.has(2) && c.in(2).rank() == 1 &&
      c.in(2).numel() == c.in(1).size(0))
    return c.give(linear(a, c.in(1), c.in(2)));
  Tensor y = is_linear ? linear(a, c.in(1))
                       : product_of(a, turns_b ? transpose(c.in(1), 0, 1) : c.right_operand(1));
  if (alpha != 1) y = cast(y * alpha, c.in(0).dtype());
  if (c.has(2)) y = y + (beta == 1 ? c.in(2) : cast(c.in(2) * beta, c.in(2).dtype()));
  c.give(y);
}

void read_einsum(NodeCall& c) {
  Tensors all;
  for (size_t i = 0; i < c.inputs(); ++i) all.push_back(c.in(i));
  c.give(einsum(c.text("equation", ""), all));
}

// Zero points are one number, or one a row of A, a column of B.
void read_matmul_integer(NodeCall& c) {
  Tensor a = cast(c.in(0), DType::f64), b = cast(c.in(1), DType::f64);
  if (c.has(2)) {
    const Tensor zero = cast(c.in(2), DType::f64);
    a = a - (zero.rank() == 1 && zero.numel() > 1 ? unsqueeze(zero, 1) : zero);
  }
  if (c.has(3)) b = b - cast(c.in(3), DType::f64);
  c.give(cast(matmul(a, b), DType::i32));
}

constexpr OpRow kProducts[] = {
    {"Einsum", read_einsum},
    {"Gemm", read_gemm},
    {"MatMul", read_matmul},
    {"MatMulInteger", read_matmul_integer},
};

}  // namespace

OpRows product_rows() { return kProducts; }

}  // namespace cairn::onnx
