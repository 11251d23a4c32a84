#include "cairn/backend/cpu/region/region_shape.h"

#include <algorithm>
#include <numeric>

#include "cairn/base/round.h"

namespace cairn::cpu {

int64_t product(const Ints& sizes, int first, int last) {
  return std::accumulate(sizes.begin() + first, sizes.begin() + last, int64_t{1},
                         std::multiplies<>());
}

void merge_dims(Geometry& g, int first, int last, int barrier) {
  for (int d = last - 2; d >= first; --d) {
    if (d + 1 == barrier) continue;
    const bool even = std::all_of(g.strides.begin(), g.strides.end(),
                                  [&](const Ints& s) { return s[d] == s[d + 1] * g.dims[d + 1]; });
    if (!even) continue;
    g.dims[d + 1] *= g.dims[d];
    g.dims.erase(d);
    for (auto& s : g.strides) s.erase(d);
    if (d < g.group_first) --g.group_first;
    if (d < g.kept_loops) --g.kept_loops;
    if (d < barrier) --barrier;
  }
}

void permute_dims(Geometry& g, const std::vector<int>& order) {
  const Geometry old = g;
  for (size_t d = 0; d < order.size(); ++d) {
    g.dims[d] = old.dims[order[d]];
    for (size_t k = 0; k < g.strides.size(); ++k) g.strides[k][d] = old.strides[k][order[d]];
  }
}

bool is_uniform(const Levels& levels) {
  return levels.empty() || (levels.ssize() == 1 && levels[0].stride == 0);
}
// Repeats a short contiguous piece, as a blocked tensor's channel parameter does. 0: does not.
int period_of(const Levels& levels) {
  const bool repeats = levels.ssize() == 2 && levels[0].stride == 0 && levels[1].stride == 1;
  return repeats && kTilePeriod % levels[1].size == 0 ? static_cast<int>(levels[1].size) : 0;
}
bool is_transposed(const Levels& levels) {
  return levels.ssize() == 2 && levels[0].stride == 1 && levels[0].size >= 8;
}
bool is_contiguous(const Levels& levels, int64_t group) {
  return levels.ssize() == 1 && levels[0].stride == 1 && levels[0].size == group;
}

// Tiles are whole steps of the group's first dim where those are short, so that operands without
// that dim look the same in every tile.
int64_t tile_of(const Ints& dims, int group_first, int64_t multiple) {
  const int rank = dims.ssize();
  const int64_t group = product(dims, group_first, rank);
  if (group <= kTile) return group;
  const int64_t inner = product(dims, group_first + 1, rank);
  const int64_t step = inner <= kTile ? std::max(inner, multiple) : multiple;
  return kTile / step * step;
}

// Whether every tile of the group sees the same values of an operand.
bool same_in_every_tile(const Geometry& g, const Ints& strides, int64_t tile) {
  const int first = g.group_first;
  if (first == g.dims.ssize()) return false;
  if (tile == product(g.dims, first, g.dims.ssize())) return true;
  return strides[first] == 0 && tile % product(g.dims, first + 1, g.dims.ssize()) == 0;
}

// Rough nanoseconds of a pass whose group starts at dim `first`.
double sweep_cost(Geometry g, int first, int steps, const std::vector<DType>& dtypes) {
  g.group_first = first;
  const int rank = g.dims.ssize();
  const int64_t group = product(g.dims, first, rank), loops = product(g.dims, 0, first);
  const int64_t tile = tile_of(g.dims, first, 1);
  double cost = static_cast<double>(loops) * static_cast<double>(ceil_div(group, tile)) * steps * 6;
  for (size_t k = 0; k < g.strides.size(); ++k) {
    const Levels levels =
        merged_levels(g.dims.begin() + first, g.strides[k].begin() + first, rank - first);
    if (is_uniform(levels) || period_of(levels)) cost += static_cast<double>(loops) * 5;
    else if (is_contiguous(levels, group) && dtypes[k] == DType::f32) continue;
    else if (first > 0 && g.strides[k][first - 1] == 0 && same_in_every_tile(g, g.strides[k], tile))
      continue;
    else if (first == 0 && same_in_every_tile(g, g.strides[k], tile) && tile < group) continue;
    else {
      const Level inner = levels.back();
      const double each = inner.stride == 1 || inner.stride == 0   ? 0.08
                          : is_transposed(levels) && tile == group ? 0.6
                                                                   : 4;  // a cache line a value
      cost += static_cast<double>(loops * group) * (each + 4.0 / static_cast<double>(inner.size));
    }
  }
  return cost;
}

// The largest divisor of size within [least, most], or 0.
int64_t divisor_of(int64_t size, int64_t least, int64_t most) {
  for (int64_t d = std::min(size, most); d >= least; --d)
    if (size % d == 0) return d;
  return 0;
}

void split_dim(Geometry& g, int d, int64_t inner) {
  g.dims.insert(d + 1, inner);
  g.dims[d] /= inner;
  for (auto& s : g.strides) s.insert(d + 1, s[d]), s[d] *= inner;
}

// Where an operand is contiguous along another dim than the innermost: a nest whose tiles are small
// rectangles of both, so that every cache line is read once. False when there is nothing to gain.
bool make_rectangles(Geometry& g) {
  const int last = g.dims.ssize() - 1;
  for (size_t k = 0; k < g.strides.size(); ++k) {
    if (last < 1 || g.strides[k][last] <= 1) continue;
    for (int d = 0; d < last; ++d) {
      if (g.strides[k][d] != 1) continue;
      const int64_t height = divisor_of(g.dims[d], 8, 16), width = divisor_of(g.dims[last], 16, 64);
      if (!height || !width) continue;
      split_dim(g, last, width);
      split_dim(g, d, height);
      std::vector<int> order;  // all the rest, then the rectangle
      for (int i = 0; i < g.dims.ssize(); ++i)
        if (i != d + 1 && i != g.dims.ssize() - 1) order.push_back(i);
      order.push_back(d + 1), order.push_back(g.dims.ssize() - 1);
      permute_dims(g, order);
      return true;
    }
  }
  return false;
}

void shape_sweep(Geometry& g, size_t first_output, int row_rank, int steps,
                 const std::vector<DType>& dtypes) {
  std::vector<int> order(g.dims.size());
  std::iota(order.begin(), order.end(), 0);
  if (first_output < g.strides.size()) {
    const Ints lead = g.strides[first_output];
    std::stable_sort(order.begin(), order.end() - row_rank,
                     [&](int a, int b) { return lead[a] > lead[b]; });
  }
  permute_dims(g, order);
  // Rows stay whole: a group starts with them or before.
  g.group_first = std::max(0, g.dims.ssize() - std::max(1, row_rank));
  merge_dims(g, 0, g.dims.ssize(), -1);
  g.group_first = std::clamp(g.group_first, 0, std::max(0, g.dims.ssize() - 1));
  double best = sweep_cost(g, g.group_first, steps, dtypes);
  for (int first = g.group_first - 1; first >= 0; --first) {
    const double cost = sweep_cost(g, first, steps, dtypes);
    if (cost < best) best = cost, g.group_first = first;
  }
  Geometry rectangles = g;
  if (row_rank > 0 || !make_rectangles(rectangles)) return;
  rectangles.group_first = rectangles.dims.ssize() - 2;
  if (sweep_cost(rectangles, rectangles.group_first, steps, dtypes) < best) g = rectangles;
}

// Reductions order their loops by the dims and the reduced set alone, so that the order of
// summation does not depend on what else is in the program.
void shape_reduction(Geometry& g, const std::vector<bool>& reduced, int row_rank, Pass& pass) {
  const int rank = g.dims.ssize();
  int first = rank - row_rank;
  if (row_rank == 0) {
    first = rank - 1;
    while (first > 0 && reduced[first - 1] == reduced[rank - 1]) --first;
  }
  const int64_t inner = product(g.dims, first, rank);
  int run = first;  // dims [run, first) are the reduced ones just before
  while (run > 0 && reduced[run - 1]) --run;
  const bool folds = !reduced[rank - 1] && 2 * inner <= kTile && run < first;
  pass.inner = inner;
  pass.folds = folds ? kTile / inner : 1;
  pass.fold_rows = product(g.dims, run, first);
  if (row_rank == 0) {
    if (folds) first = run;
    pass.tile_is_kept = !folds && !reduced[rank - 1];
  }
  g.group_first = first;
  std::vector<int> order;
  for (int d = 0; d < first; ++d)
    if (!reduced[d]) order.push_back(d);
  g.kept_loops = static_cast<int>(order.size());
  for (int d = 0; d < first; ++d)
    if (reduced[d]) order.push_back(d);
  for (int d = first; d < rank; ++d) order.push_back(d);
  permute_dims(g, order);
  pass.tile = std::min(kTile, product(g.dims, first, rank));
  if (folds && row_rank == 0)
    pass.tile = std::min(pass.folds * inner, product(g.dims, first, rank));
  merge_dims(g, 0, g.group_first, g.kept_loops);
}

}  // namespace cairn::cpu
