#include <filesystem>
#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/tasks/task.h"

namespace cairn::cli {
namespace {

// "digits" and "image-classification" mean the same.
std::vector<std::string> names_of_inputs() {
  std::vector<std::string> names;
  for (const tasks::Task& t : tasks::all_tasks())
    if (t.write_inputs) names.emplace_back(t.inputs), names.emplace_back(t.name);
  return names;
}

const tasks::Task& task_of(const std::string& name) {
  for (const tasks::Task& t : tasks::all_tasks()) {
    if (name == t.name && !t.write_inputs)
      throw UsageError(
          fmt::format("sample: a run of task '{}' needs no files to try it on; see: "
                      "cairn generate RUN --help",
                      name));
    if (t.write_inputs && (name == t.name || name == t.inputs)) return t;
  }
  throw UsageError("sample: " + no_such_name(name, names_of_inputs()));
}

}  // namespace

void add_sample(const Command& app) {
  const Command command =
      app.add_command("sample", "Write a few inputs to try a trained network on");
  command.examples(
      "  cairn sample digits --out some-digits\n"
      "  cairn predict runs/digits some-digits\n");
  struct Options {
    std::string what, out;
  };
  const auto o = std::make_shared<Options>();
  command.option("what", o->what, fmt::format("One of {}", fmt::join(names_of_inputs(), ", ")))
      .required();
  command.option("--out", o->out, "Folder to write into").required();
  command.runs([o] {
    const tasks::Task& task = task_of(o->what);
    std::filesystem::create_directories(o->out);
    const auto files = task.write_inputs(o->out);
    for (const std::string& file : files) fmt::print("{}\n", file);
    const bool one = files.size() == 1;
    fmt::print(stderr, "try {}: cairn predict RUN {}\n", one ? "it" : "them",
               one ? files[0] : o->out);
    return kDone;
  });
}

}  // namespace cairn::cli
