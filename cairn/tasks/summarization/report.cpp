#include <algorithm>
#include <cmath>
#include <numeric>

#include "cairn/metrics/rouge.h"
#include "cairn/ops/context.h"
#include "cairn/tasks/summarization/task.h"
#include "cairn/train/report/curves.h"

namespace cairn::tasks::summarization {
namespace {

using namespace train::report;

constexpr size_t kJudged = 100, kShown = 3;  // texts

// The summary, each token the darker the more of its probability was copied.
void show_copied(Page& page, Summarizer& s, const std::string& text, const Written& said) {
  const Example example{s.coder().encode(text), said.tokens};
  const Tensors in = batch_of({&example});
  const auto c = static_cast<models::EncoderDecoder&>(s.net()).copying(in[0], in[1], in[2]);
  const auto gates = c.gate.to_vector<float>(), weights = contiguous(c.weights).to_vector<float>();
  const auto chosen = s.net().logits(in[0], in[1], in[2]).to_vector<float>();  // log p
  const auto places = static_cast<size_t>(in[0].size(1));
  const auto vocab = static_cast<size_t>(s.coder().tokenizer().size());
  std::vector<std::pair<std::string, double>> pieces;
  for (size_t t = 0; t + 1 < said.tokens.size(); ++t) {
    double looked = 0;
    for (size_t i = 0; i < example.source.size(); ++i)
      if (example.source[i] == said.tokens[t]) looked += weights[t * places + i];
    const double all = std::exp(chosen[t * vocab + static_cast<size_t>(said.tokens[t])]);
    pieces.emplace_back(s.coder().decode({said.tokens[t]}),
                        std::clamp((1 - gates[t]) * looked / all, 0.0, 1.0));
  }
  page.shaded("what it copied", pieces);
}

}  // namespace

void report(Page& page, Summarizer& s, const Lines& log) {
  const NoGrad no_grad;
  auto documents = s.documents("", "validation");
  if (documents.size() > kJudged) documents.resize(kJudged);
  std::vector<std::string> texts, said;
  for (const Summarized& d : documents) texts.push_back(d.text);
  const auto written =
      s.write(texts, {.beams = 4, .max_tokens = 100, .length_penalty = 0.8, .no_repeat = 3}, 32);
  for (const Written& w : written) said.push_back(w.text);
  const Json scores = rouge_of(documents, said);
  page.headline(fmt::format(
      "ROUGE-1 {:.1f}, first three sentences {:.1f}, on {} texts that it never saw",
      scores["rouge1"].get<double>(), scores["lead3_rouge1"].get<double>(), documents.size()));
  std::vector<size_t> order(documents.size());
  std::iota(order.begin(), order.end(), 0);
  std::vector<double> f;
  for (size_t i = 0; i < documents.size(); ++i)
    f.push_back(metrics::best_rouge(documents[i].summaries, said[i], metrics::RougeWords::stemmed)
                    .rouge1.f);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return f[a] > f[b]; });
  if (s.options().copies())
    page.paragraph(
        "Each token is copied from the text or generated. Below each summary: the more of a "
        "token's probability came from the text, the stronger its colour.");
  for (const bool best : {true, false}) {
    page.heading(best ? "Its best" : "Its worst");
    for (size_t k = 0; k < std::min(kShown, order.size()); ++k) {
      const size_t i = best ? order[k] : order[order.size() - 1 - k];
      page.writing("wanted: " + documents[i].summaries[0], documents[i].text + "\n", said[i]);
      if (s.options().copies()) show_copied(page, s, documents[i].text, written[i]);
    }
  }
  write_facts(page, s, log, {{"tokens", with_thousands(s.coder().tokenizer().size())}});
  page.heading("How it learned");
  page.figures(loss_charts(log, "nats a token", "validation"));
}

}  // namespace cairn::tasks::summarization
