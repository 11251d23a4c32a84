#include "cairn/tasks/tour/tour.h"

#include <fmt/format.h>

#include <memory>

#include "cairn/cli/commands.h"

namespace cairn::cli {
void add_tour(const Command& app) {
  const Command command = app.add_command(
      "tour", "Train a small model of each family and write a page that shows what they learned");
  command.examples(
      "  cairn tour\n"
      "  cairn tour --only transformer gan --out runs/two\n");
  auto o = std::make_shared<tasks::tour::TourOptions>();
  auto json = std::make_shared<bool>(false);
  command.option(
      "--only", o->stops,
      fmt::format("Some of {} (default: all)", fmt::join(tasks::tour::stop_names(), ", ")));
  command.option("--out", o->out, "Folder of the tour").shows_default();
  command.flag("--resume", o->resume, "Go on with the tour in --out");
  command.option("--seed", o->seed, "Seed of all trainings").whole(0, INT64_MAX).shows_default();
  command.option("--part", o->part, "Length of the trainings: 0.5 is half, 2 twice as long")
      .positive()
      .shows_default();
  command.flag("--json", *json,
               "Print the results as one JSON object, the last line of standard output");
  add_threads(command);
  command.runs([o, json] {
    const auto result = tasks::tour::run(*o);
    if (*json) fmt::print("{}\n", result.dump());
    else fmt::print("open {} in a browser\n", result["report"].get<std::string>());
    return 0;
  });
}

}  // namespace cairn::cli
