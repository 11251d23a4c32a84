#include <filesystem>
#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/tasks/task.h"

namespace cairn::cli {
namespace {

std::vector<std::string> tasks_with_inputs() {
  std::vector<std::string> names;
  for (const tasks::Task& t : tasks::all_tasks())
    if (t.write_inputs) names.emplace_back(t.name);
  return names;
}

}  // namespace

void add_sample(const Command& app) {
  const Command command =
      app.add_command("sample", "Write a few inputs to try a trained network on");
  command.examples(
      "  cairn sample image-classification --out digits\n"
      "  cairn predict runs/digits digits\n");
  struct Options {
    std::string task, out;
  };
  const auto o = std::make_shared<Options>();
  command
      .option("task", o->task,
              fmt::format("Whose inputs: {}", fmt::join(tasks_with_inputs(), ", ")))
      .required();
  command.option("--out", o->out, "Folder to write into").required();
  command.runs([o] {
    const auto names = tasks_with_inputs();
    if (std::find(names.begin(), names.end(), o->task) == names.end())
      throw UsageError("sample: " + no_such_name(o->task, names));
    std::filesystem::create_directories(o->out);
    for (const std::string& file : tasks::task_named(o->task).write_inputs(o->out))
      fmt::print("{}\n", file);
    return kDone;
  });
}

}  // namespace cairn::cli
