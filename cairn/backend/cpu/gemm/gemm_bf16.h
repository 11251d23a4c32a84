// Large matrix products in bf16 with sums in f32: C = start + A B. Operands in f32 are rounded to
// bf16 while they are packed, so no copy of them is ever stored; C is f32 or bf16. Only where
// panels_bf16::kernels() exist.
#pragma once
#include <cstddef>

#include "cairn/backend/cpu/gemm/gemm.h"

namespace cairn::cpu {

// Element (i, j) of a matrix is number i * row + j * column of `data`; row or column is 1.
struct Bf16Operand {
  const void* data;
  bool wide;  // f32, else bf16
  int64_t row, column;
};

bool has_gemm_bf16();
// Bytes that gemm_bf16() needs on num_threads() threads; the operands' data is not looked at.
size_t gemm_bf16_workspace(const GemmShape& shape, const Bf16Operand& a, const Bf16Operand& b,
                           bool wide_c);
// C [m, n], rows `c_row` elements apart, in f32 if `wide_c`, else in bf16. start.from may be c
// itself where C is f32. `workspace`: 64-byte aligned. The sums' order depends on the shape alone.
void gemm_bf16(const GemmShape& shape, const Bf16Operand& a, const Bf16Operand& b,
               const GemmStart& start, void* c, bool wide_c, int64_t c_row, void* workspace);

}  // namespace cairn::cpu
