#include <algorithm>
#include <cmath>

#include "cairn/io/file.h"
#include "cairn/models/inspect.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/task.h"
#include "cairn/train/samples.h"

namespace cairn::tasks::language_model {
namespace {

using namespace train::report;

constexpr int64_t kShown = 400;    // characters of validation text that are coloured
constexpr int64_t kAttended = 28;  // tokens of an attention map
constexpr size_t kSamples = 3;     // texts from the training
constexpr double kSurprised = 6;   // nats that get the full colour

// Nats a token when only the tokens' frequencies are known.
double entropy_of_frequencies(std::span<const int64_t> train, std::span<const int64_t> validation,
                              int64_t vocab) {
  std::vector<double> counts(static_cast<size_t>(vocab), 1);
  for (int64_t t : train) counts[t] += 1;
  const double all = static_cast<double>(train.size()) + static_cast<double>(vocab);
  double sum = 0;
  for (int64_t t : validation) sum -= std::log(counts[t] / all);
  return sum / static_cast<double>(std::max<size_t>(validation.size(), 1));
}

std::string one(const text::Tokenizer& tokenizer, int64_t token) {
  return tokenizer.decode({token});
}

std::string visible(const std::string& token) {
  return token == " " ? "\u2423" : token == "\n" ? "\u21b5" : token;
}

// The last one first: what it writes now.
void samples(Page& page, const std::string& run) {
  const auto files = train::samples_of(run, "txt");
  if (files.empty()) return;
  page.heading("What it writes, and wrote while it learned");
  for (const size_t i : spread_over(files.size(), kSamples, 1))
    page.writing("after " + counted(files[files.size() - 1 - i].step, "step"), "",
                 io::read_text_file(files[files.size() - 1 - i].path));
}

void surprise(Page& page, Writer& o, std::span<const int64_t> tokens) {
  const std::vector<float> nats = models::surprises(o.net(), tokens);
  std::vector<std::pair<std::string, double>> pieces = {{one(o.tokenizer(), tokens[0]), 0}};
  for (size_t i = 1; i < tokens.size(); ++i)
    pieces.emplace_back(one(o.tokenizer(), tokens[i]), nats[i - 1] / kSurprised);
  page.heading("What surprises it");
  page.paragraph(
      "Text that it never saw. The stronger a character's colour, the less likely the model held "
      "it. Beginnings of words are hard, their ends are easy.");
  page.shaded("validation text", pieces);
}

void cells(Page& page, Writer& o, std::span<const int64_t> tokens) {
  const auto cell = models::line_counting_cell(o.net(), tokens, o.tokenizer());
  std::vector<std::pair<std::string, double>> pieces;
  for (size_t i = 0; i < tokens.size(); ++i)
    pieces.emplace_back(one(o.tokenizer(), tokens[i]), cell.values[i]);
  page.heading("What one of its cells remembers");
  page.paragraph(fmt::format(
      "Nobody told the network what a line is. Of the {} outputs of its last layer, number {} goes "
      "most closely with the distance from the beginning of the line (correlation {:.2f}).",
      *o.options().width, cell.number, cell.correlation));
  page.shaded(fmt::format("output {}: blue below its mean, orange above", cell.number), pieces);
}

void attention(Page& page, Writer& o, std::span<const int64_t> tokens) {
  const auto maps = models::attention_maps(*o.net().gpt(), tokens);
  std::vector<std::string> names;
  for (int64_t t : tokens) names.push_back(visible(one(o.tokenizer(), t)));
  page.heading("Where its heads look");
  page.paragraph(
      "Each row is a character, each column one before it; the stronger a cell's colour, the "
      "more that character's vector takes from the other. "
      "The four heads shown are the ones that differ most from an even look back.");
  std::vector<Figure> figures;
  for (const models::AttentionMap& m : models::most_peculiar(maps, 4)) {
    HeatMap map{fmt::format("layer {}, head {}", m.layer + 1, m.head + 1),
                "from",
                "to",
                names,
                names,
                {},
                {},
                14,
                0.6};
    map.values.assign(m.weights.begin(), m.weights.end());
    figures.push_back(figure(map));
  }
  page.figures(figures);
}

void curves(Page& page, const Lines& lines, double of_frequencies) {
  const auto figures = charts(
      {{LineChart{
            "Loss",
            "step",
            "nats a token",
            {curve_of(lines, "loss", "training"), curve_of(lines, "validation_loss", "validation")},
            of_frequencies,
            "knowing only how often each character comes"},
        "Training: the mean over the steps since the point before, with dropout; validation: at "
        "that step, without, on the beginning of the validation text."}});
  if (figures.empty()) return;
  page.heading("How it learned");
  page.figures(figures);
}

}  // namespace

void Writer::explain(Page& page, const Lines& log) {
  const NoGrad no_grad;
  Writer& writer = *this;
  const Json result = writer.evaluate("", "validation");
  const auto text = writer.open_own();
  const std::span<const int64_t> validation = text.validation;
  const std::string perplexity = fmt::format("{:.2f}", result["perplexity"].get<double>());
  page.headline("Perplexity " + perplexity + " on text it never saw");
  samples(page, writer.path());
  write_facts(page, writer, log,
              {{"network", *writer.options().model},
               {"validation loss", fmt::format("{:.3f} nats", result["loss"].get<double>())},
               {"perplexity", perplexity}});
  if (validation.size() < 3) return;
  const auto shown = validation.first(std::min<size_t>(validation.size(), kShown));
  surprise(page, writer, shown);
  if (writer.net().gpt())
    attention(page, writer, shown.first(std::min<size_t>(shown.size(), kAttended)));
  else cells(page, writer, shown);
  curves(page, log, entropy_of_frequencies(text.train, validation, writer.options().vocab));
}

}  // namespace cairn::tasks::language_model
