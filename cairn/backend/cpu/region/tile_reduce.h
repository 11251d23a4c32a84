// Reductions of tiles, in a fixed order of operations.
#pragma once
#include <cstdint>

#include "cairn/backend/cpu/region/region.h"

namespace cairn::cpu {

double identity_of(Combine combine);                   // 0, -inf, inf, 1
double combined(Combine combine, double a, double b);  // NaN if either is

// All n values of a tile, value i being in[i & mask], into one (32 or more partial results, then a
// tree).
double reduce_tile(Combine combine, const float* in, size_t mask, int64_t n);

// acc[i] = combine(acc[i], in[i & mask]).
void accumulate_tile(Combine combine, float* acc, const float* in, size_t mask, int64_t n);

// total[i % kept] = combine(total[i % kept], in[i & mask]), in f32 within the tile; n: a multiple
// of `kept`, which must fill vectors and not many.
bool has_lanes(int64_t kept);
void reduce_lanes(Combine combine, double* total, int64_t kept, const float* in, size_t mask,
                  int64_t n);

// total[i] = combine(total[i], acc[i]), then acc[i] = identity.
void flush_accumulators(Combine combine, double* total, float* acc, int64_t n);

// total[i % kept] = combine(total[i % kept], total[i]) for i from kept to width, in this order.
void fold_totals(Combine combine, double* total, int64_t kept, int64_t width);

}  // namespace cairn::cpu
