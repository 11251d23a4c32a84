// Relu where a convolution's values lie, for kernels that have none of their own.
#pragma once
#include "cairn/tensor/dtype.h"

namespace cairn::cpu {

// y: `bytes` of f32 or bf16, padded lanes (which are 0) included. NaN stays NaN.
void relu_in_place(DType dtype, void* y, int64_t bytes);

}  // namespace cairn::cpu
