// Moves values between tensors in memory (any dtype, any strides) and f32 tiles.
#pragma once
#include <cstdint>

#include "cairn/tensor/dtype.h"
#include "cairn/tensor/shape.h"

namespace cairn::cpu {

// One dimension of an operand's view of a flat range; strides in elements.
struct Level {
  int64_t size, stride;
};
inline constexpr int kMaxLevels = 16;
using Levels = SmallVector<Level, 6>;  // outermost first, none of size 1

// The fewest levels that visit the same elements in the same order.
Levels merged_levels(const int64_t* sizes, const int64_t* strides, int rank);

// out[i] = f32(p[i * stride]), and p[i * stride] = dtype(in[i]), for n elements.
using LoadRun = void (*)(const void* p, int64_t stride, int64_t n, float* out);
using StoreRun = void (*)(const float* in, int64_t n, void* p, int64_t stride);
LoadRun load_run_for(DType dtype);    // nullptr for a dtype that regions do not read
StoreRun store_run_for(DType dtype);  // integers truncate and saturate, NaN becomes 0

// Elements [start, start + n) of the view `levels` of p.
void load_tile(LoadRun run, size_t element_size, const void* p, const Levels& levels, int64_t start,
               int64_t n, float* out);
void store_tile(StoreRun run, size_t element_size, const float* in, void* p, const Levels& levels,
                int64_t start, int64_t n);

// out[i] = in[i], past the caches: for outputs much larger than they are. `out` aligned to 4 bytes.
void stream_tile(const float* in, int64_t n, float* out);
void finish_streaming();  // makes the streamed values visible to other threads

}  // namespace cairn::cpu
