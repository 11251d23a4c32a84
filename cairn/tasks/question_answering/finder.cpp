#include <algorithm>
#include <cmath>
#include <numeric>

#include "cairn/dist/share_out.h"
#include "cairn/metrics/squad.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/question_answering/task.h"

namespace cairn::tasks::question_answering {
namespace {

double log_sum(const std::vector<float>& scores, double before) {
  double most = before;
  for (const float s : scores) most = std::max(most, double{s});
  double sum = std::exp(before - most);
  for (const float s : scores) sum += std::exp(s - most);
  return most + std::log(sum);
}

}  // namespace

std::vector<Row> rows_of(const data::Questions& questions, const Notation& notation,
                         std::vector<size_t>* row_counts) {
  std::vector<NotedPtr> contexts;
  for (const std::string& c : questions.contexts) contexts.push_back(notation.context(c));
  std::vector<Row> rows;
  for (const data::Question& q : questions.all) {
    const auto own = notation.rows(contexts[q.context], notation.question(q.text), q.places);
    rows.insert(rows.end(), own.begin(), own.end());
    if (row_counts) row_counts->push_back(own.size());
  }
  return rows;
}

Finder::Finder(std::shared_ptr<models::SpanNetwork> net, std::shared_ptr<const Notation> notation,
               int64_t max_answer, bool unanswered)
    : net_(std::move(net)),
      notation_(std::move(notation)),
      max_answer_(max_answer),
      unanswered_(unanswered),
      spans_([net = net_](std::span<const Tensor> in) -> Tensors {
        const NoGrad no_grad;
        return {net->spans(in)};
      }) {}

double Finder::loss_of(const Scores& scores, const std::vector<Row::Answer>& answers) {
  double right = 0;  // scores of the places that are
  for (const Row::Answer& a : answers)
    right += scores.start[static_cast<size_t>(a.start)] + scores.end[static_cast<size_t>(a.end)];
  return (log_sum(scores.start, -INFINITY) + log_sum(scores.end, -INFINITY) -
          right / static_cast<double>(answers.size())) /
         2;
}

std::vector<Finder::Scores> Finder::scores_of(const std::vector<Row>& rows) {
  constexpr size_t kAtOnce = 32;
  const NoGrad no_grad;
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rows[a].count < rows[b].count; });
  std::vector<Scores> all(rows.size());
  const auto score_some = [&](int64_t number) {
    const size_t at = static_cast<size_t>(number) * kAtOnce;
    std::vector<const Row*> some;
    for (size_t i = at; i < std::min(order.size(), at + kAtOnce); ++i)
      some.push_back(&rows[order[i]]);
    const Tensor scores = spans_.call(notation_->batch_of(some))[0];
    const auto values = scores.to_vector<float>();
    const auto places = static_cast<size_t>(scores.size(1));
    for (size_t i = 0; i < some.size(); ++i) {
      Scores& s = all[order[at + i]];
      const size_t used = static_cast<size_t>(notation_->offset(*some[i])) + some[i]->count;
      for (size_t k = 0; k < used; ++k) {
        s.start.push_back(values[2 * (i * places + k)]);
        s.end.push_back(values[2 * (i * places + k) + 1]);
      }
    }
  };
  const auto pass = [&](int64_t number, dist::Parcel& parcel) {
    const size_t at = static_cast<size_t>(number) * kAtOnce;
    for (size_t i = at; i < std::min(order.size(), at + kAtOnce); ++i)
      parcel.pass(all[order[i]].start), parcel.pass(all[order[i]].end);
  };
  dist::share_out(static_cast<int64_t>((order.size() + kAtOnce - 1) / kAtOnce), score_some, pass);
  return all;
}

// Of the windows of one question the span with the highest sum of scores; none, where that is
// allowed and place 0 has more in every window.
Answer Finder::best(const Row* rows, const Scores* scores, size_t count,
                    std::string_view text) const {
  double most = -INFINITY, none = INFINITY, starts = -INFINITY, ends = -INFINITY;
  Answer answer;
  for (size_t r = 0; r < count; ++r) {
    const auto& [start, end] = scores[r];
    starts = log_sum(start, starts), ends = log_sum(end, ends);
    none = std::min(none, double{start[0]} + end[0]);
    const auto offset = static_cast<size_t>(notation_->offset(rows[r]));
    for (size_t i = offset; i < start.size(); ++i)
      for (size_t k = i; k < std::min(end.size(), i + static_cast<size_t>(max_answer_)); ++k) {
        if (double{start[i]} + end[k] <= most) continue;
        most = double{start[i]} + end[k];
        answer.begin = rows[r].context->places[rows[r].first + i - offset].begin;
        answer.end = rows[r].context->places[rows[r].first + k - offset].end;
      }
  }
  if (most == -INFINITY || (unanswered_ && none > most)) most = none, answer = {};
  answer.text = text.substr(answer.begin, answer.end - answer.begin);
  answer.confidence = std::exp(most - starts - ends);
  return answer;
}

Finder::Found Finder::find(const data::Questions& questions) {
  std::vector<size_t> counts;
  const auto rows = rows_of(questions, *notation_, &counts);
  const auto scores = scores_of(rows);
  Found found;
  size_t at = 0;
  for (size_t i = 0; i < counts.size(); at += counts[i++])
    found.answers.push_back(
        best(&rows[at], &scores[at], counts[i], questions.contexts[questions.all[i].context]));
  for (size_t i = 0; i < rows.size(); ++i)
    found.loss += loss_of(scores[i], rows[i].answers) / static_cast<double>(rows.size());
  return found;
}

Answer Finder::answer(const Asked& asked) {
  const auto rows =
      notation_->rows(notation_->context(asked.context), notation_->question(asked.question), {});
  const auto scores = scores_of(rows);
  return best(rows.data(), scores.data(), rows.size(), asked.context);
}

std::vector<double> Finder::heat(const Row& row) {
  const Scores scores = scores_of({row})[0];
  const double starts = log_sum(scores.start, -INFINITY), ends = log_sum(scores.end, -INFINITY);
  const auto offset = static_cast<size_t>(notation_->offset(row));
  std::vector<double> heat;
  double begun = 0, ended = 0;
  for (size_t i = offset; i < scores.start.size(); ++i) {
    begun += std::exp(scores.start[i] - starts);
    heat.push_back(std::clamp(begun - ended, 0.0, 1.0));
    ended += std::exp(scores.end[i] - ends);
  }
  return heat;
}

Json score(const data::Questions& questions, const std::vector<Answer>& answers) {
  double exact = 0, f1 = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto s = metrics::score_answer(questions.all[i].answers, answers[i].text);
    exact += s.exact_match, f1 += s.f1;
  }
  const double all = static_cast<double>(std::max<size_t>(answers.size(), 1)) / 100;
  return {{"exact_match", exact / all}, {"f1", f1 / all}};
}

}  // namespace cairn::tasks::question_answering
