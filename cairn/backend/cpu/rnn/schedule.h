// Which rows (item, step) exist and where each lies. Items are sorted by falling length and dealt
// out to the groups, so that the items of a group that are still alive at a step come first; rows
// of a group are dense in memory, step after step, and no time is spent on padding.
#pragma once
#include <algorithm>
#include <cstdint>

namespace cairn::cpu::rnn {

struct Schedule {
  int64_t steps, batch;
  int groups;
  int32_t* item;    // [slot]: index in the batch; a group's slots are contiguous
  int32_t* length;  // [slot]
  int64_t* offset;  // [group][steps + 1]: rows of the group before a step

  // Fills the tables; `lengths` may be null.
  void build(const int32_t* lengths);

  int64_t first_slot(int group) const {
    return group * (batch / groups) + std::min<int64_t>(group, batch % groups);
  }
  int64_t slots(int group) const { return first_slot(group + 1) - first_slot(group); }
  int64_t rows_before(int group, int64_t step) const { return offset[group * (steps + 1) + step]; }
  int64_t rows(int group, int64_t begin, int64_t end) const {
    return rows_before(group, end) - rows_before(group, begin);
  }
  int64_t alive(int group, int64_t step) const { return rows(group, step, step + 1); }
  // Rows of all earlier groups within steps [begin, end).
  int64_t rows_of_earlier(int group, int64_t begin, int64_t end) const {
    int64_t sum = 0;
    for (int g = 0; g < group; ++g) sum += rows(g, begin, end);
    return sum;
  }
  int64_t all_rows(int64_t begin, int64_t end) const { return rows_of_earlier(groups, begin, end); }

  // visit(row, step, slot) for the rows of a group within [begin, end); row counts from 0.
  template <class Visit>
  void for_rows(int group, int64_t begin, int64_t end, Visit&& visit) const {
    const int64_t first = first_slot(group);
    for (int64_t t = begin, row = 0; t < end; ++t)
      for (int64_t i = 0, n = alive(group, t); i < n; ++i) visit(row++, t, first + i);
  }
};

}  // namespace cairn::cpu::rnn
