// The products of the recurrent layers: in f32, or where RnnConfig::bf16 says so in bf16 with sums
// in f32. Weights in bf16 are packed where those in f32 would be, in the first half of each panel's
// memory; rows of A are rounded as they are multiplied, in memory of the thread.
#pragma once
#include "cairn/backend/cpu/rnn/layout.h"

namespace cairn::cpu::rnn {

// Elements that a thread needs for rows of A of this depth and for slices.
int64_t narrow_elements(const RnnPlan& p, int64_t depth);

// `narrow`: the thread's, unused in f32. A's rows are in f32, dense.
void multiply(const RnnPlan& p, const Product& product, uint16_t* narrow);
// A panel of W^T: `rows` rows of w.
void pack_transposed(const RnnPlan& p, const float* w, int64_t ld, int64_t rows, int64_t depth,
                     float* panel);
// Rows [first, first + depth) of a panel are `depth` rows of w, and those up to first + padded
// zeros. `first` is even.
void pack_plain(const RnnPlan& p, const float* w, int64_t ld, int64_t columns, int64_t depth,
                int64_t padded, float* panel, int64_t first);
// A panel of `rows` rows of f32 becomes one of pairs where it lies.
void pair_panel(float* panel, int64_t rows);
// The transpose of `depth` rows of at most kSliceColumns columns, as A of multiply_slice.
void pack_narrow_slice(const float* w, int64_t ld, int64_t columns, int64_t depth,
                       uint16_t* narrow);
// `product.a` is not looked at: A is the slice in `narrow`. B's panels are paired; `first_row`:
// where in them the slice begins.
void multiply_slice(const Product& product, const uint16_t* narrow, int64_t first_row);

}  // namespace cairn::cpu::rnn
