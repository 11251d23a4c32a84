// Products of many rows with the 8-bit weights of a linear layer; gemv/ has those of a few rows.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cairn::cpu {

// Bytes that gemm_i8() needs on num_threads() threads.
size_t gemm_i8_workspace();

// y [rows, outputs] = x W^T, W[n][k] = scales[n] * quantized[n][k], everything dense and row-major:
// x [rows, depth], quantized [outputs, depth]. `workspace`: 64-byte aligned.
void gemm_i8(const int8_t* quantized, const float* scales, int64_t outputs, int64_t depth,
             const float* x, int64_t rows, float* y, void* workspace);

}  // namespace cairn::cpu
