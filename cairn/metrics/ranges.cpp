#include "cairn/metrics/ranges.h"

#include <algorithm>

namespace cairn::metrics {
namespace {

struct Overlap {
  double part = 0;  // of the range's rows
  int64_t pieces = 0;
};
Overlap overlap_of(const RowRange& range, std::span<const RowRange> others) {
  Overlap o;
  for (const RowRange& other : others) {
    const int64_t rows = std::min(range.end, other.end) - std::max(range.first, other.first);
    if (rows <= 0) continue;
    o.part += static_cast<double>(rows) / static_cast<double>(range.end - range.first);
    ++o.pieces;
  }
  return o;
}

double mean_reward(std::span<const RowRange> ranges, std::span<const RowRange> others,
                   double existence) {
  double sum = 0;
  for (const RowRange& range : ranges) {
    const Overlap o = overlap_of(range, others);
    if (o.pieces > 0) sum += existence + (1 - existence) * o.part / static_cast<double>(o.pieces);
  }
  return ranges.empty() ? 0 : sum / static_cast<double>(ranges.size());
}

}  // namespace

std::vector<RowRange> ranges_of(std::span<const uint8_t> marked) {
  std::vector<RowRange> all;
  const auto rows = static_cast<int64_t>(marked.size());
  for (int64_t r = 0; r < rows; ++r) {
    if (!marked[static_cast<size_t>(r)]) continue;
    if (!all.empty() && all.back().end == r) ++all.back().end;
    else all.push_back({r, r + 1});
  }
  return all;
}

RangeScores range_scores(std::span<const RowRange> truth, std::span<const RowRange> marked,
                         double existence) {
  RangeScores s{mean_reward(marked, truth, 0), mean_reward(truth, marked, existence), 0, 0};
  if (s.precision + s.recall > 0) s.f1 = 2 * s.precision * s.recall / (s.precision + s.recall);
  for (const RowRange& range : truth) s.found += overlap_of(range, marked).pieces > 0;
  return s;
}

}  // namespace cairn::metrics
