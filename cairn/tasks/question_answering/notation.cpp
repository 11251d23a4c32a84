#include "cairn/tasks/question_answering/notation.h"

#include <algorithm>

#include "cairn/ops/functions.h"

namespace cairn::tasks::question_answering {

int64_t padded_size(size_t longest, int64_t grain) {
  return std::max<int64_t>((static_cast<int64_t>(longest) + grain - 1) / grain, 1) * grain;
}

Tensor padded_rows(const std::vector<std::vector<int64_t>>& rows, int64_t size, int64_t nothing) {
  std::vector<int64_t> all(rows.size() * static_cast<size_t>(size), nothing);
  for (size_t i = 0; i < rows.size(); ++i)
    std::copy(rows[i].begin(), rows[i].end(),
              all.begin() + static_cast<std::ptrdiff_t>(i) * static_cast<std::ptrdiff_t>(size));
  return from_host(all.data(), {std::ssize(rows), size}, DType::i64);
}

std::vector<Row> Notation::rows(const NotedPtr& context, const NotedPtr& question, size_t begin,
                                size_t end) const {
  std::vector<Row> rows;
  const size_t words = context->places.size();
  size_t from = words, to = 0;  // of the answer, in words
  for (size_t i = 0; i < words && begin < end; ++i)
    if (context->places[i].begin < end && context->places[i].end > begin)
      from = std::min(from, i), to = i;
  for (size_t first = 0;;) {
    Row row{question, context, first, 0};
    const int64_t offset = this->offset(row);
    const auto room = static_cast<size_t>(std::max<int64_t>(longest_ - offset - 1, 2));
    row.count = std::min(room, words - first);
    if (from <= to && from >= first && to < first + row.count) {
      row.start = offset + static_cast<int64_t>(from - first);
      row.end = offset + static_cast<int64_t>(to - first);
    }
    rows.push_back(row);
    if (first + row.count >= words) return rows;
    first += std::max<size_t>(room / 2, 1);
  }
}

}  // namespace cairn::tasks::question_answering
