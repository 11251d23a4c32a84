#include "cairn/tasks/question_answering/notation.h"

#include <algorithm>

#include "cairn/ops/functions.h"

namespace cairn::tasks::question_answering {
namespace {

struct Words {
  size_t first, last;  // first > last: none
};
Words words_of(const data::AnswerPlace& answer, const std::vector<text::Span>& places) {
  Words in{places.size(), 0};
  for (size_t i = 0; i < places.size(); ++i)
    if (places[i].begin < answer.end && places[i].end > answer.begin)
      in.first = std::min(in.first, i), in.last = i;
  return in;
}

}  // namespace

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

std::vector<Row> Notation::rows(const NotedPtr& context, const NotedPtr& question,
                                const std::vector<data::AnswerPlace>& answers) const {
  std::vector<Row> rows;
  const size_t words = context->places.size();
  std::vector<Words> spans;
  for (const data::AnswerPlace& a : answers)
    if (const Words in = words_of(a, context->places); in.first <= in.last) spans.push_back(in);
  for (size_t first = 0;;) {
    Row row{question, context, first, 0, {}};
    const int64_t offset = this->offset(row);
    const auto room = static_cast<size_t>(std::max<int64_t>(longest_ - offset - 1, 2));
    row.count = std::min(room, words - first);
    for (const Words& in : spans)
      if (in.first >= first && in.last < first + row.count)
        row.answers.push_back({offset + static_cast<int64_t>(in.first - first),
                               offset + static_cast<int64_t>(in.last - first)});
    if (row.answers.empty()) row.answers.push_back({});
    rows.push_back(row);
    if (first + row.count >= words) return rows;
    first += std::max<size_t>(room / 2, 1);
  }
}

}  // namespace cairn::tasks::question_answering
