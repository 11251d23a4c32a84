#include "cairn/metrics/ranges.h"

#include <gtest/gtest.h>

#include <string_view>

namespace cairn::metrics {
namespace {

#include "tests/metrics/data/ranges.inc"

std::vector<RowRange> ranges(std::string_view marks) {
  std::vector<uint8_t> rows;
  for (const char c : marks) rows.push_back(c == '1');
  return ranges_of(rows);
}

TEST(Ranges, AreFound) {
  EXPECT_EQ(ranges("0110001"), (std::vector<RowRange>{{1, 3}, {6, 7}}));
  EXPECT_TRUE(ranges("").empty() && ranges("000").empty());
}

// Against PRTS (tools/dump_range_scores.py).
TEST(Ranges, ScoresAreThoseOfPrts) {
  for (const RangeCase& c : kCases) {
    const RangeScores s = range_scores(ranges(c.truth), ranges(c.marked));
    EXPECT_NEAR(s.precision, c.precision, 1e-8) << c.truth << "\n" << c.marked;
    EXPECT_NEAR(s.recall, c.recall, 1e-8) << c.truth << "\n" << c.marked;
  }
}

TEST(Ranges, EdgesOfScores) {
  const RangeScores right = range_scores(ranges("0110"), ranges("0110"));
  EXPECT_EQ(right.f1, 1);
  EXPECT_EQ(right.found, 1);
  EXPECT_EQ(range_scores(ranges("0110"), {}).f1, 0);
  EXPECT_EQ(range_scores({}, ranges("0110")).precision, 0);
  EXPECT_EQ(range_scores({}, {}).recall, 0);
  // Half for being found, half for the part; two pieces count half.
  EXPECT_EQ(range_scores(ranges("1111"), ranges("0010")).recall, 0.5 + 0.5 / 4);
  EXPECT_EQ(range_scores(ranges("1111"), ranges("1010")).recall, 0.5 + 0.5 * 0.5 / 2);
}

}  // namespace
}  // namespace cairn::metrics
