#include <algorithm>
#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/dist/world.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"
#include "cairn/tasks/task.h"

namespace cairn::cli {
namespace {

struct Chosen {
  std::unique_ptr<train::RunOptions> options;
  std::string config, profile;
  bool print_config = false, json = false;
};

void take_file(const tasks::Task& task, Chosen& chosen) {
  const train::Json config =
      io::parse_json(io::read_text_file(chosen.config), "'" + chosen.config + "'");
  const std::string of = config.is_object() ? config.value("task", task.name) : task.name;
  check(of == task.name, "'{}': task: is '{}', not '{}'", chosen.config, of, task.name);
  chosen.options->read_file(config, chosen.config);
}

int run(const tasks::Task& task, Chosen& chosen) {
  if (!chosen.config.empty()) take_file(task, chosen);
  if (chosen.print_config) {
    train::Json config = {{"task", task.name}, {"format", train::kConfigFormat}};
    config.update(chosen.options->to_json());
    fmt::print("{}\n", io::dump_json(config, 2));
    return kDone;
  }
  ProfileScope profile(dist::leads() ? chosen.profile : "");
  const train::Json result = task.train(*chosen.options);
  profile.write();
  if (!dist::leads()) return kDone;
  if (chosen.json) fmt::print("{}\n", io::dump_json(result));
  else fmt::print("{}\n", io::printable(task.summary(result)));
  return kDone;
}

void describe_task(const Command& command, const tasks::Task& task) {
  command.examples(task.examples);
  const auto chosen = std::make_shared<Chosen>();
  chosen->options = task.options();
  add_options(command, *chosen->options);
  command
      .option("--config", chosen->config,
              "JSON file of options, as a run's config.json; those given here come first")
      .group("Run");
  command.flag("--print-config", chosen->print_config, "Print what was chosen so far, and end")
      .group("Run");
  command
      .flag("--json", chosen->json,
            "Print the result as one JSON object, the last line of standard output")
      .group("Run");
  add_threads(command);
  command
      .option("--profile", chosen->profile,
              "Time every op: prints a table and writes a Chrome trace to this file")
      .group("Run");
  command.runs([&task, chosen] { return run(task, *chosen); });
}

}  // namespace

void add_train(const Command& app, const std::vector<std::string>& arguments) {
  const Command train = app.add_command("train", "Train a network");
  train.needs_command();
  train.examples(
      "  cairn train image-classification --out runs/digits\n"
      "  cairn train --resume runs/digits\n"
      "  cairn train image-classification --help\n");
  const auto is_called = [&](const std::string& task) {
    return arguments.empty() ||
           std::find(arguments.begin(), arguments.end(), task) != arguments.end();
  };
  for (const tasks::Task& task : tasks::all_tasks()) {
    const Command command = train.add_command(task.name, task.what);
    if (is_called(task.name)) describe_task(command, task);
  }
}

// cairn train [options] --resume RUN [options] -> cairn train TASK --out RUN --resume [options]
void name_task_of_resumed(std::vector<std::string>& arguments) {
  if (arguments.size() < 2 || arguments[0] != "train" || !arguments[1].starts_with("-")) return;
  const std::string flag = "--resume", with_value = flag + "=";
  for (size_t i = 1; i < arguments.size(); ++i) {
    const bool joined = arguments[i].starts_with(with_value);
    if (!joined && arguments[i] != flag) continue;
    const std::string run = joined                     ? arguments[i].substr(with_value.size())
                            : i + 1 < arguments.size() ? arguments[i + 1]
                                                       : "";
    if (run.empty() || run.starts_with("-"))
      throw UsageError("--resume: say which run: cairn train --resume RUN");
    const auto folder = train::RunFolder::open(run, "");
    const auto at = arguments.begin() + static_cast<int64_t>(i);
    arguments.erase(at, at + (joined ? 1 : 2));
    arguments.insert(arguments.begin() + 1,
                     {folder.config()["task"].get<std::string>(), "--out", run, flag});
    return;
  }
}

}  // namespace cairn::cli
