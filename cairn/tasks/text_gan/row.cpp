#include "cairn/tasks/text_gan/task.h"
#include "cairn/tasks/writing.h"

namespace cairn::tasks::text_gan {
namespace {

struct WriteOptions : train::OptionSet {
  Option<int64_t> count{this, "count", 10, whole(1, 1 << 20), "Sentences to write, a line each"};
  Option<double> temperature{this, "temperature", 1, between(0.05, 100),
                             "Below 1: more likely words"};
  Option<bool> likelihood{this, "likelihood", false,
                          "By the writer as it was before the two networks met"};
  Option<uint64_t> seed{this, "seed", 0, whole(0, INT64_MAX), "The same seed writes the same"};
};

int write(TextWriter& w, const WriteOptions& o) {
  Author& author = o.likelihood ? w.by_likelihood() : w.author();
  for (const Words& words : author.write(w.tokenizer(), o.count, o.temperature, o.seed))
    show_at_once(data::as_written(joined(words)) + "\n");
  return 0;
}

std::string in_words(const Json& r) {
  return fmt::format(
      "BLEU-2 {:.3f} -3 {:.3f} -4 {:.3f} -5 {:.3f}, Self-BLEU-3 {:.3f}; by "
      "likelihood BLEU-3 {:.3f}, Self-BLEU-3 {:.3f}; real sentences {:.3f}, "
      "{:.3f}\n{}",
      r["bleu2"].get<double>(), r["bleu3"].get<double>(), r["bleu4"].get<double>(),
      r["bleu5"].get<double>(), r["self_bleu3"].get<double>(), r["mle_bleu3"].get<double>(),
      r["mle_self_bleu3"].get<double>(), r["data_bleu3"].get<double>(),
      r["data_self_bleu3"].get<double>(), r["verdict"].get<std::string>());
}

std::string summary(const Json& r) {
  return fmt::format(
      "{} steps, {:.3f} nats a word, samples in {}/samples; judge it with: cairn "
      "eval {}",
      r["steps"].get<int64_t>(), r["nats"].get<double>(), r["run"].get<std::string>(),
      r["run"].get<std::string>());
}

}  // namespace

const Opener kOpener{kTask, open_as<TextWriter>};
const Task kRow{
    .name = kTask,
    .title = "Adversarial text",
    .what = "Write sentences like those of a file, judged by a second network",
    .examples =
        "  cairn train text-gan --out runs/scenes\n"
        "  cairn train text-gan --data image-coco/ --out runs/captions\n"
        "  cairn generate runs/captions --count 20\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary,
    .qualities = {{"bleu3"}, {"nats", false}},
    .verbs = {eval_verb<TextWriter, JudgingOptions, evaluate, in_words, true>(
                  "Measure how like real sentences its own are, and how like each other",
                  "  cairn eval runs/captions --json\n"),
              verb<TextWriter, WriteOptions, write>(
                  "generate", "Write sentences, a line each",
                  "  cairn generate runs/captions --count 20 --temperature 0.8\n"
                  "  cairn generate runs/captions --likelihood\n")},
    .report = report_as<TextWriter, report>,
    .smallest = R"({"data": "scenes", "steps": 6, "likelihood_steps": 3, "batch": 8, "width": 16,
        "embedding": 8, "looks": 2, "longest": 12, "sample_every": 2})"};

}  // namespace cairn::tasks::text_gan
