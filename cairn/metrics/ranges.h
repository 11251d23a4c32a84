// Precision and recall of ranges: anomalies last, and what counts is how much of each is found.
// Tatbul, Lee, Zdonik, Alam, Gottschlich, "Precision and recall for time series", NeurIPS 2018.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace cairn::metrics {

// Rows first ... end - 1 in a row that are marked.
struct RowRange {
  int64_t first, end;
  friend bool operator==(const RowRange&, const RowRange&) = default;
};
std::vector<RowRange> ranges_of(std::span<const uint8_t> marked);

struct RangeScores {
  double precision = 0, recall = 0, f1 = 0;
  int64_t found = 0;  // true ranges of which anything was marked
};
// Flat bias: all rows of a range count alike. Cardinality 1 / x: what is found in x pieces counts
// an x-th. `existence` of a true range's recall is for being found at all (the paper's alpha; none
// of precision). Without a marked row precision is 0, without a true range recall is 0.
RangeScores range_scores(std::span<const RowRange> truth, std::span<const RowRange> marked,
                         double existence = 0.5);

}  // namespace cairn::metrics
