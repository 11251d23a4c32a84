#include <algorithm>
#include <map>

#include "cairn/metrics/squad.h"
#include "cairn/ops/context.h"
#include "cairn/tasks/question_answering/task.h"
#include "cairn/text/unicode.h"
#include "cairn/train/report/curves.h"

namespace cairn::tasks::question_answering {
namespace {

using namespace train::report;

constexpr size_t kShown = 6, kKinds = 8, kFewest = 10;

// The question word, by which questions are told apart; "other": none of them.
std::string kind_of(const std::string& question) {
  const std::string lower = text::to_lower(question);
  for (const auto word : text::split_at_spaces(lower))
    for (const char* kind : {"what", "who", "when", "where", "which", "how", "why"})
      if (word == kind) return kind;
  return "other";
}

struct Judged {
  const data::Questions& questions;
  std::vector<Answer> answers;
  std::vector<double> f1;
};

void by_kind(Page& page, const Judged& all) {
  std::map<std::string, std::pair<double, int64_t>> sums;
  for (size_t i = 0; i < all.f1.size(); ++i) {
    auto& [sum, count] = sums[kind_of(all.questions.all[i].text)];
    sum += all.f1[i], ++count;
  }
  std::vector<Bar> shown;
  for (const auto& [kind, sum] : sums) {
    const double mean = sum.first / static_cast<double>(sum.second);
    if (sum.second >= static_cast<int64_t>(kFewest) && shown.size() < kKinds)
      shown.push_back({kind, mean, fmt::format("{:.1f} of {}", 100 * mean, sum.second)});
  }
  if (!shown.empty()) page.figures({{bars(shown), "F1 by the question's word"}});
}

// How often it is right where it says that it is so sure.
void by_confidence(Page& page, const Judged& all) {
  constexpr size_t kParts = 10;
  std::vector<double> right(kParts), count(kParts);
  for (size_t i = 0; i < all.f1.size(); ++i) {
    const auto part = std::min(static_cast<size_t>(all.answers[i].confidence * kParts), kParts - 1);
    right[part] += all.f1[i], count[part] += 1;
  }
  Series is{"F1", {}, {}}, said{"as it says", {0, 1}, {0, 1}};
  for (size_t p = 0; p < kParts; ++p)
    if (count[p] >= kFewest)
      is.x.push_back((static_cast<double>(p) + 0.5) / kParts), is.y.push_back(right[p] / count[p]);
  const LineChart chart{"How right it is when it is how sure", "confidence", "F1", {is, said}};
  page.figures(charts({{chart, ""}}));
}

// The context, each word as dark as it is likely a part of the answer.
void show_heat(Page& page, Answerer& a, const Judged& all, size_t i) {
  const data::Question& q = all.questions.all[i];
  const std::string& context = all.questions.contexts[q.context];
  const auto rows =
      a.notation().rows(a.notation().context(context), a.notation().question(q.text), q.places);
  if (rows.size() != 1) return;
  const auto heat = a.finder().heat(rows[0]);
  std::vector<std::pair<std::string, double>> pieces;
  const auto& places = rows[0].context->places;
  size_t at = 0;
  for (size_t k = 0; k < heat.size(); ++k) {
    const size_t next = k + 1 < places.size() ? places[k + 1].begin : context.size();
    pieces.emplace_back(context.substr(at, next - at), heat[k]);
    at = next;
  }
  const auto named = [](const std::string& answer) {
    return answer.empty() ? std::string("no answer") : "'" + answer + "'";
  };
  page.shaded(
      fmt::format("{} {} ({:.0f} % sure); wanted: {}", q.text, named(all.answers[i].text),
                  all.answers[i].confidence * 100, named(q.answers.empty() ? "" : q.answers[0])),
      pieces);
}

}  // namespace

void report(Page& page, Answerer& a, const Lines& log) {
  const NoGrad no_grad;
  const auto questions = a.questions("");
  const auto found = a.finder().find(questions);
  Judged all{questions, found.answers, {}};
  for (size_t i = 0; i < found.answers.size(); ++i)
    all.f1.push_back(metrics::score_answer(questions.all[i].answers, found.answers[i].text).f1);
  const Json scores = score(questions, found.answers);
  page.headline(fmt::format(
      "F1 {:.1f} %, exactly right {:.1f} % of {} questions about texts that "
      "it never saw",
      scores["f1"].get<double>(), scores["exact_match"].get<double>(), questions.all.size()));
  page.heading("Where it sees the answer");
  page.paragraph(
      "The darker a word, the more likely it is a part of the answer, by the network's own "
      "probabilities of where one starts and ends. First answers that it got right, then wrong "
      "ones of which it was surest.");
  std::vector<size_t> order(all.f1.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t x, size_t y) {
    return all.answers[x].confidence > all.answers[y].confidence;
  });
  for (const bool right : {true, false}) {
    size_t shown = 0;
    for (size_t k = 0; k < order.size() && shown < kShown / 2; ++k)
      if ((all.f1[order[k]] > 0.5) == right) show_heat(page, a, all, order[k]), ++shown;
  }
  page.heading("What it finds, and how sure it is");
  write_facts(page, a, log, {});
  by_kind(page, all);
  by_confidence(page, all);
  page.figures(loss_charts(log, "nats", "validation"));
}

}  // namespace cairn::tasks::question_answering
