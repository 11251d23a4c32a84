// Chooses the loop nest of a pass: order of the dims, which of them form the group, the tile
// (internal).
#pragma once
#include <vector>

#include "cairn/backend/cpu/region/region_pass.h"

namespace cairn::cpu {

int64_t product(const Ints& sizes, int first, int last);  // of sizes [first, last)

// The loop nest of a pass over dims that may have been sorted and merged.
struct Geometry {
  Ints dims;
  std::vector<Ints> strides;  // one an operand, in elements
  int group_first = 0;        // dims from here on are the group
  int kept_loops = 0;         // loop dims [0, kept_loops) are kept by the reductions
};

// Joins neighbours in [first, last) wherever every operand steps evenly across both; never dim
// barrier - 1 with dim barrier.
void merge_dims(Geometry& g, int first, int last, int barrier);

bool is_uniform(const Levels& levels);     // one value
int period_of(const Levels& levels);       // of a short piece that repeats, or 0
bool is_transposed(const Levels& levels);  // a rectangle, contiguous down its columns
bool is_contiguous(const Levels& levels, int64_t group);  // all of the group, one after the other

// The tile's length: a whole number of steps of the group's first dim where those are short, so
// that operands without that dim look the same in every tile; else a multiple of `multiple`.
int64_t tile_of(const Ints& dims, int group_first, int64_t multiple);

// Whether every tile of the group sees the same values of an operand.
bool same_in_every_tile(const Geometry& g, const Ints& strides, int64_t tile);

// Without reductions: sorts the dims as the first output lies in memory, merges them and picks the
// cheapest group. The last row_rank dims stay together in the group.
void shape_sweep(Geometry& g, size_t first_output, int row_rank, int steps,
                 const std::vector<DType>& dtypes);

// Reductions: the loops are ordered by the dims and the reduced set alone, so that the order of
// summation does not depend on what else is in the program. Sets the pass's tile and folds.
void shape_reduction(Geometry& g, const std::vector<bool>& reduced, int row_rank, Pass& pass);

}  // namespace cairn::cpu
