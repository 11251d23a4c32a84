#include "cairn/tasks/text_gan/task.h"

namespace cairn::tasks::text_gan {
namespace {

using namespace train::report;

constexpr int64_t kShown = 12, kJudged = 300;

std::string lines_by(Author& author, const text::Tokenizer& tokenizer, double temperature) {
  std::string lines;
  for (const Words& words : author.write(tokenizer, kShown, temperature, 1))
    lines += data::as_written(joined(words)) + "\n";
  return lines;
}

// How right against how repetitive: one dot a writer, a curve where a temperature moves it.
Figure plane(const Json& adversarial, const Json& curve, const Json& real) {
  Series by_likelihood{"by likelihood", {}, {}};
  std::vector<std::pair<double, double>> points;
  for (const Json& p : curve) points.emplace_back(p["self_bleu3"], p["bleu3"]);
  std::sort(points.begin(), points.end());
  for (const auto& [x, y] : points) by_likelihood.x.push_back(x), by_likelihood.y.push_back(y);
  const Series after{"adversarial", {adversarial["self_bleu3"]}, {adversarial["bleu3"]}, true};
  const Series data{"real sentences", {real["self_bleu3"]}, {real["bleu3"]}, true};
  return figure(
      LineChart{"How right, how repetitive",
                "Self-BLEU-3: like each other",
                "BLEU-3: like real ones",
                {by_likelihood, after, data}},
      "Up and to the left is better. The curve is the writer by likelihood at temperatures "
      "from 1.2 (left) to 0.6 (right): what is above the curve is better than likelihood alone at "
      "any of them.");
}

}  // namespace

void report(Page& page, TextWriter& w, const Lines& log) {
  const Splits splits = w.splits("");
  const Judge judge(splits.test, splits.train);
  const auto& tokenizer = w.tokenizer();
  const Json adversarial = judge.judge(w.author().write(tokenizer, kJudged, 1, 0));
  const Json curve = temperatures_of(w.by_likelihood(), tokenizer, judge, kJudged, 0);
  std::vector<Words> some;
  for (size_t i = 0; i < std::min<size_t>(splits.train.size(), kJudged); ++i)
    some.push_back(data::words_of(splits.train[i]));
  page.headline(fmt::format("Sentences that nobody wrote, {:.0f} % of them copied",
                            100 * adversarial["copied"].get<double>()));
  page.heading("What it writes");
  page.writing("after the second network", "", lines_by(w.author(), tokenizer, 1));
  page.writing("by likelihood alone", "", lines_by(w.by_likelihood(), tokenizer, 1));
  page.writing("the same at temperature 0.7", "", lines_by(w.by_likelihood(), tokenizer, 0.7));
  write_facts(page, w, log, {{"words", with_thousands(*w.options().vocab)}});
  page.heading("Which writer is better");
  page.paragraph(w.met() ? "Here " + verdict(adversarial, curve) + "."
                         : "The two networks have not met yet.");
  page.figures({plane(adversarial, curve, judge.judge(some))});
  page.heading("How they learned");
  std::vector<Figure> learned = loss_charts(log, "nats a word", "validation");
  const LineChart duel{
      "The two against each other",
      "step",
      "loss",
      {curve_of(log, "loss_discriminator", "reader"), curve_of(log, "loss_generator", "writer")}};
  for (Figure& f : charts({{duel, "Neither should win."}})) learned.push_back(std::move(f));
  page.figures(learned);
}

}  // namespace cairn::tasks::text_gan
