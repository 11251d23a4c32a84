// Large matrix products, f32: C = start + A B, with B packed into panels as the register tile wants
// them, and A where its rows are not dense. After Goto and van de Geijn (2008), "Anatomy of
// High-Performance Matrix Multiplication".
#pragma once
#include <cstddef>
#include <cstdint>

namespace cairn::cpu {

// Element (i, j) of a matrix: data[i * row + j * column]; row or column is 1.
struct GemmOperand {
  const float* data;
  int64_t row, column;
};

struct GemmShape {
  int64_t m, n, k;  // C [m, n], A [m, k], B [k, n]
};

// Bytes that gemm() needs on num_threads() threads or fewer.
size_t gemm_workspace(const GemmShape& shape);
// Whether the product is not tiny and has a few rows and columns.
bool gemm_pays(const GemmShape& shape);

// What the product is added to.
struct GemmStart {
  const float* from = nullptr;  // [m, n], rows `row` apart; c itself: C += A B; null: nothing
  int64_t row = 0;
  const float* bias = nullptr;  // [n], added to each row; null: none
};

// C [m, n], rows `c_row` apart. `workspace`: 64-byte aligned.
void gemm(const GemmShape& shape, const GemmOperand& a, const GemmOperand& b,
          const GemmStart& start, float* c, int64_t c_row, void* workspace);

// The same where B meets many A's: packed once. Both buffers 64-byte aligned.
size_t gemm_packed_bytes(int64_t n, int64_t k);
void gemm_pack(int64_t n, int64_t k, const GemmOperand& b, float* packed);
size_t gemm_packed_workspace(int64_t n);
void gemm_packed(const GemmShape& shape, const GemmOperand& a, const float* packed,
                 const GemmStart& start, float* c, int64_t c_row, void* workspace);

}  // namespace cairn::cpu
