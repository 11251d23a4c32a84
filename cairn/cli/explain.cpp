// cairn explain: an experiment that shows why something works, as a page.
#include <filesystem>
#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/io/utf8.h"
#include "cairn/tasks/explain/topics.h"
#include "cairn/train/run_folder.h"

namespace cairn::cli {
namespace {

struct ExplainRequest {
  std::string topic, input, out = "explain.html";
  double part = 1;
};

int explain(const ExplainRequest& given) {
  if (train::RunFolder::holds_run(given.topic)) {
    if (given.input.empty())
      throw UsageError(
          "--input: say what the run is to decide about: cairn explain RUN --input FILE");
    if (given.part != 1) throw UsageError("--part: is of topics; a run's decision trains nothing");
    check(std::filesystem::exists(given.input), "no such file: '{}'; check the name (--input)",
          given.input);
    tasks::explain::write_decision(*tasks::open_model(given.topic), given.input, given.out);
  } else {
    if (!given.input.empty())
      throw UsageError(
          fmt::format("--input: '{}' is no run folder, and topics need none", given.topic));
    tasks::explain::write_topic(tasks::explain::topic_named(given.topic), given.out, given.part);
  }
  fmt::print("open {} in a browser\n", io::printable(given.out));
  return kDone;
}

}  // namespace

void add_explain(const Command& app) {
  const Command c =
      app.add_command("explain", "Show by an experiment why something works, as a page");
  c.examples(
      "  cairn explain attention --out attention.html\n"
      "  cairn explain runs/digits --input seven.png\n");
  const auto given = std::make_shared<ExplainRequest>();
  std::vector<std::string> names;
  for (const auto& topic : tasks::explain::topics()) names.emplace_back(topic.name);
  c.option("topic", given->topic,
           fmt::format("{}, or a run folder whose decision is to be shown", fmt::join(names, ", ")))
      .required();
  c.option("--input", given->input, "With a run: the file to decide about");
  c.option("--out", given->out, "The page").shows_default();
  c.option("--part", given->part, "Length of the trainings: 0.5 is half, 2 twice as long")
      .positive()
      .shows_default();
  add_threads(c);
  c.runs([given] { return explain(*given); });
}

}  // namespace cairn::cli
