// A matrix product of any size, f32, by whichever of Cairn's kernels suits it: C = start + A B.
#pragma once
#include <cstddef>

#include "cairn/backend/cpu/gemm/gemm.h"

namespace cairn::cpu {

enum class ProductKernel {
  packed,    // gemm(): B in packed panels, by all threads
  unpacked,  // the same register tiles on operands where they lie: packing would cost more than it
             // gives
  few_rows,  // gemv_f32(): every weight is read once, as B's columns lie
};
const char* name_of(ProductKernel kernel);

// What the operands allow. few_rows and unpacked want B's columns, B's rows dense; few_rows also
// A's rows, without gaps in B.
bool product_works(ProductKernel kernel, const GemmShape& shape, const GemmOperand& a,
                   const GemmOperand& b, bool adds);
// The kernel that is quickest, by rules that `bench_gemm` measures (only strides of the operands
// are looked at).
ProductKernel choose_product(const GemmShape& shape, const GemmOperand& a, const GemmOperand& b,
                             bool adds);
// The kernel that is quickest by measurement (CAIRN_TUNE=1): remembered, or measured now.
ProductKernel choose_product_by_time(const GemmShape& shape, const GemmOperand& a,
                                     const GemmOperand& b, bool adds);

// Bytes that product() needs on num_threads() threads.
size_t product_workspace(ProductKernel kernel, const GemmShape& shape, const GemmOperand& a);
// C [m, n], rows `c_row` apart. `workspace`: 64-byte aligned. Nothing is allocated; sums do not
// depend on the threads.
void product(ProductKernel kernel, const GemmShape& shape, const GemmOperand& a,
             const GemmOperand& b, const GemmStart& start, float* c, int64_t c_row,
             void* workspace);

}  // namespace cairn::cpu
