// Plain loops over strided tensors: dims merged where every operand steps evenly, rows shared among
// threads.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>

#include "cairn/base/parallel.h"
#include "cairn/tensor/layout.h"

namespace cairn::cpu {

// N operands visited together; strides in elements, offsets in the operand's own elements.
template <int N>
struct StridedLoop {
  Shape dims;
  std::array<Ints, N> strides;
  std::array<int64_t, N> offsets{};

  // Drops dims of size 1 and joins neighbours; at least one dim is left.
  void merge() {
    for (int d = dims.ssize() - 1; d >= 0; --d)
      if (dims[d] == 1) erase(d);
    for (int d = dims.ssize() - 2; d >= 0; --d) {
      bool even = true;
      for (const Ints& s : strides) even &= s[d] == s[d + 1] * dims[d + 1];
      if (!even) continue;
      dims[d + 1] *= dims[d];
      erase(d);
    }
    if (!dims.empty()) return;
    dims.push_back(1);
    for (Ints& s : strides) s.push_back(0);
  }

  // Calls row(offsets of the row's first elements, length of the row) for every innermost row.
  template <class F>
  void each_row(F row) const {
    const int64_t length = dims.back();
    if (length == 0) return;
    const int outer = dims.ssize() - 1;
    int64_t rows = 1;
    for (int d = 0; d < outer; ++d) rows *= dims[d];
    constexpr int64_t kGrain = 16 << 10;
    if (rows == 1) {  // one long row: shared out in pieces
      parallel_for(length, kGrain, [&](int64_t begin, int64_t end) {
        std::array<int64_t, N> at = offsets;
        for (int k = 0; k < N; ++k) at[k] += begin * strides[k].back();
        row(at, end - begin);
      });
      return;
    }
    parallel_for(rows, std::max<int64_t>(1, kGrain / length), [&](int64_t begin, int64_t end) {
      Ints where(static_cast<size_t>(outer), 0);
      std::array<int64_t, N> at = offsets;
      for (int64_t flat = begin, d = outer - 1; d >= 0; --d) {
        where[d] = flat % dims[d], flat /= dims[d];
        for (int k = 0; k < N; ++k) at[k] += where[d] * strides[k][d];
      }
      for (int64_t r = begin; r < end; ++r) {
        row(at, length);
        for (int d = outer - 1; d >= 0; --d) {
          for (int k = 0; k < N; ++k) at[k] += strides[k][d];
          if (++where[d] < dims[d]) break;
          for (int k = 0; k < N; ++k) at[k] -= strides[k][d] * dims[d];
          where[d] = 0;
        }
      }
    });
  }

 private:
  void erase(int d) {
    dims.erase(d);
    for (Ints& s : strides) s.erase(d);
  }
};

// Strides of a plain tensor that broadcasts to `shape`.
inline Ints broadcast_strides(const TensorDesc& desc, const Shape& shape) {
  Ints strides(shape.size(), 0);
  const int extra = shape.ssize() - desc.shape.ssize();
  for (int d = extra; d < shape.ssize(); ++d)
    strides[d] = desc.shape[d - extra] == 1 ? 0 : desc.layout.strides[d - extra];
  return strides;
}

}  // namespace cairn::cpu
