#include "cairn/io/file.h"
#include "cairn/metrics/bleu.h"
#include "cairn/tasks/machine_translation/task.h"

namespace cairn::tasks::machine_translation {
namespace {

// {task, split, examples, loss, bleu, chrf, signature}: of the text as it is printed.
Json evaluate(Translator& t, const TranslationEvalOptions& o) {
  const std::string split = o.checked_split("dates");
  const auto pairs = t.pairs(o.or_own(""), split);
  std::vector<std::string> sources;
  std::vector<metrics::References> references;
  for (const TextPair& p : pairs) sources.push_back(p.source), references.push_back({p.target});
  const auto said = write_all(t, sources, o.how(t.coder().longest()), o);
  return t.result(split, {{"examples", pairs.size()},
                          {"loss", t.loss(pairs)},
                          {"beams", *o.beams},
                          {"bleu", metrics::bleu(said, references).score},
                          {"chrf", metrics::chrf(said, references)},
                          {"signature", metrics::bleu_signature(references)}});
}

std::string in_words(const Json& r) {
  if (!r.contains("bleu")) return fmt::format("loss {:.4f}", r["loss"].get<double>());
  return fmt::format("BLEU {:.2f} ({}), chrF {:.2f}", r["bleu"].get<double>(),
                     r["signature"].get<std::string>(), r["chrf"].get<double>());
}

int predict(Translator& t, const PredictOptions& o) {
  return write_lines(t, o.files, o.how(t.coder().longest()), o.batch);
}

std::vector<std::string> write_inputs(const std::string& folder) {
  const std::string path = folder + "/dates.txt";
  io::write_file_atomically(path, std::string_view("29 February 2024\nthe 1st of May 1886\n"));
  return {path};
}

}  // namespace

const Opener kOpener{kTask, open_as<Translator>};
const Task kRow{.name = kTask,
                .title = "Translation",
                .what = "Learn to translate from pairs of texts",
                .examples =
                    "  cairn train machine-translation --out runs/dates\n"
                    "  cairn train machine-translation --data multi30k/ --source en --target de\n"
                    "  cairn train machine-translation --data pairs.tsv --epochs 20\n",
                .options = options_as<Options>,
                .train = train_as<Options, train>,
                .summary = summary_of<in_words>,
                .qualities = {{"bleu"}, {"loss", false}},
                .verbs = {eval_verb<Translator, TranslationEvalOptions, evaluate, in_words>(
                              "Measure how near its translations are to those of people",
                              "  cairn eval runs/en-de --split test --json\n"),
                          verb<Translator, PredictOptions, predict>(
                              "predict", "Translate line by line",
                              "  echo 'A dog runs.' | cairn predict runs/en-de\n")
                              .of("text")},
                .report = report_as<Translator, report>,
                .smallest = R"({"data": "dates", "vocab": 300, "layers": 1, "width": 16, "heads": 2,
                    "feed_forward": 32, "batch": 8, "longest": 40, "steps": 6, "eval_every": 3})",
                .write_inputs = write_inputs,
                .inputs = "dates"};

}  // namespace cairn::tasks::machine_translation
