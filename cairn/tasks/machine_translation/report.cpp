#include <algorithm>
#include <cmath>

#include "cairn/metrics/bleu.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/machine_translation/task.h"

namespace cairn::tasks::machine_translation {
namespace {

using namespace train::report;

constexpr size_t kJudged = 200, kShown = 6, kMaps = 3;  // pairs
constexpr size_t kLongestMap = 24;                      // tokens of a side

struct Judged {
  std::vector<TextPair> pairs;
  std::vector<Written> said;
};

double bleu_of(const Judged& all, const std::vector<size_t>& some) {
  std::vector<std::string> said;
  std::vector<metrics::References> references;
  for (const size_t i : some)
    said.push_back(all.said[i].text), references.push_back({all.pairs[i].target});
  return metrics::bleu(said, references).score;
}

std::vector<std::string> names_of(const Coder& coder, const std::vector<int64_t>& tokens) {
  std::vector<std::string> names;
  for (const int64_t t : tokens) {
    std::string name = t == kEnd ? "end" : coder.decode({t});
    std::replace(name.begin(), name.end(), ' ', '_');
    names.push_back(std::move(name));
  }
  return names;
}

// How much it takes from each token of the source for each token written.
std::vector<double> attention_of(Translator& t, const std::vector<int64_t>& source,
                                 const std::vector<int64_t>& target) {
  const Example example{source, target};
  const Tensors in = batch_of({&example});
  const Tensor looks = select(t.net().looks(in[0], in[1], in[2]), 0, 0);
  const auto weights =
      contiguous(slice(slice(looks, 0, 0, std::ssize(target)), 1, 0, std::ssize(source)))
          .to_vector<float>();
  return {weights.begin(), weights.end()};
}

void maps(Page& page, Translator& t, const Judged& all) {
  std::vector<Figure> figures;
  for (size_t i = 0; i < all.pairs.size() && figures.size() < kMaps; ++i) {
    const auto source = t.coder().encode(all.pairs[i].source);
    const auto& target = all.said[i].tokens;
    if (source.size() > kLongestMap || target.size() > kLongestMap || target.size() < 3) continue;
    HeatMap map{"",
                "written",
                "read",
                names_of(t.coder(), target),
                names_of(t.coder(), source),
                attention_of(t, source, target),
                {},
                18};
    figures.push_back(figure(map, all.pairs[i].source));
  }
  if (figures.empty()) return;
  page.heading("Where it looks while it writes");
  page.paragraph(
      "Each row is a token that was written, each column one of the source; the darker a cell, the "
      "more the last layer took from there (of a Transformer the mean of its heads). Nobody told "
      "it which word "
      "belongs to which.");
  page.figures(figures);
}

std::vector<Figure> by_length(Translator& t, const Judged& all) {
  std::vector<std::vector<size_t>> buckets;
  for (size_t i = 0; i < all.pairs.size(); ++i) {
    const size_t bucket = t.coder().encode(all.pairs[i].source).size() / 5;
    if (buckets.size() <= bucket) buckets.resize(bucket + 1);
    buckets[bucket].push_back(i);
  }
  Series scores{"BLEU", {}, {}};
  for (size_t b = 0; b < buckets.size(); ++b) {
    if (buckets[b].size() < 5) continue;  // too few to say anything
    scores.x.push_back(static_cast<double>(b) * 5 + 2);
    scores.y.push_back(bleu_of(all, buckets[b]));
  }
  const LineChart chart{"Score by length", "tokens of the source", "BLEU", {scores}};
  if (std::all_of(scores.y.begin(), scores.y.end(), [](double bleu) { return bleu == 0; }))
    return {};
  return charts({{chart, "Longer texts are harder; only lengths of five texts or more."}});
}

}  // namespace

void report(Page& page, Translator& t, const Lines& log) {
  const NoGrad no_grad;
  Judged all{t.pairs("", "validation"), {}};
  if (all.pairs.size() > kJudged) all.pairs.resize(kJudged);
  std::vector<std::string> sources;
  std::vector<size_t> every;
  for (const TextPair& p : all.pairs) every.push_back(every.size()), sources.push_back(p.source);
  all.said =
      t.write(sources, {.beams = 5, .max_tokens = t.coder().longest(), .length_penalty = 0.8}, 32);
  page.headline(fmt::format("BLEU {:.1f} on {} texts that it never saw", bleu_of(all, every),
                            all.pairs.size()));
  page.heading("What it makes of texts that it never saw");
  for (size_t i = 0; i < std::min(kShown, all.pairs.size()); ++i)
    page.writing("wanted: " + all.pairs[i].target, all.pairs[i].source + "\n", all.said[i].text);
  write_facts(page, t, log, {{"tokens", with_thousands(t.coder().tokenizer().size())}});
  maps(page, t, all);
  auto figures = by_length(t, all);
  for (Figure& f : loss_charts(log, "nats a token", "validation")) figures.push_back(std::move(f));
  page.heading("How well, and how it learned");
  page.figures(figures);
}

}  // namespace cairn::tasks::machine_translation
