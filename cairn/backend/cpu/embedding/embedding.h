// Embedding tables on the CPU: rows gathered by index, and their gradients added back. f32; indices
// i32 or i64.
#pragma once
#include <cstdint>

namespace cairn::cpu {

// out[i] = weight[indices[i]], weight [rows, dim], out [count, dim]. Returns -1, or the position of
// the first index outside [0, rows); rows of `out` at such positions are left as they are.
template <class Index>
int64_t embedding_forward(const float* weight, int64_t rows, int64_t dim, const Index* indices,
                          int64_t count, float* out);

// dweight[indices[i]] += dout[i], in the order of i whatever the number of threads. Overwrites
// dweight [rows, dim] unless `accumulate`. Positions whose index is `padding_index` (-1: none) or
// outside the table are skipped; returns the first of the latter, or -1.
template <class Index>
int64_t embedding_backward(const float* dout, const Index* indices, int64_t count, int64_t rows,
                           int64_t dim, int64_t padding_index, bool accumulate, float* dweight);

}  // namespace cairn::cpu
