#include "cairn/tasks/task.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "cairn/base/version.h"

namespace cairn::tasks {

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const Task& t : all_tasks()) names.emplace_back(t.name);
  return names;
}

const Task& task_named(const std::string& name) {
  for (const Task& t : all_tasks())
    if (name == t.name) return t;
  throw UsageError("task: " + no_such_name(name, task_names()));
}

const Verb* find_verb(const Task& task, const std::string& name) {
  const auto it = std::find_if(task.verbs.begin(), task.verbs.end(),
                               [&](const Verb& v) { return v.name == name; });
  return it == task.verbs.end() ? nullptr : &*it;
}

std::unique_ptr<Model> open_model(const std::string& path) {
  const auto saved = train::open_saved_model(path);
  const std::string task = saved.task();
  const auto names = task_names();
  check(std::find(names.begin(), names.end(), task) != names.end(),
        "'{}': is a run of task '{}', which this program does not know", path, task);
  check(std::filesystem::exists(saved.weights),
        "'{}': holds no trained weights (model.safetensors); train until the first evaluation has "
        "written them",
        path);
  return task_named(task).open(saved);
}

namespace {

std::string machine() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

// Where the page comes from, and how to make a run like it.
void provenance(train::report::Page& page, const Model& model) {
  const Json& config = model.saved().config;
  const std::time_t now = std::time(nullptr);
  char day[32] = "";
  std::strftime(day, sizeof day, "%Y-%m-%d", std::localtime(&now));
  page.heading("Where this comes from");
  page.facts({{"data", config.value("data", "").empty() ? "comes with the program"
                                                        : config.value("data", "")},
              {"seed", config.contains("seed") ? config["seed"].dump() : ""},
              {"threads", config.contains("threads") ? config["threads"].dump() : ""},
              {"page written", day},
              {"by", std::string("cairn ") + kVersion},
              {"on", machine()}});
  page.command(fmt::format("cairn train {} --config {}/config.json", model.task(), model.path()));
}

}  // namespace

std::string write_report(const std::string& run, const std::string& out) {
  const auto folder = train::RunFolder::open(run, "");
  folder.wants_training("report on");
  const auto model = open_model(run);
  const Task& task = task_named(model->task());
  train::report::Page page(run, "What this training learned.");
  page.section(task.title);
  task.report(page, *model);
  provenance(page, *model);
  const std::string path = out.empty() ? folder.file("report.html") : out;
  page.write(path);
  return path;
}

namespace {

std::string options_table(const train::OptionSet& options) {
  std::string text = "\n| option | default | |\n|---|---|---|\n";
  for (const train::AnyOption* o : options.all())
    if (o->use() != train::Use::fact)
      text += fmt::format("| `{}` | {} | {} |\n", o->flag(), o->standard(), o->help());
  return text;
}

}  // namespace

std::string document_tasks() {
  std::string text =
      "# Tasks\n\nWritten from the table of tasks (`cairn/tasks/tasks.cpp`) by a test; do not "
      "edit.\n";
  for (const Task& task : all_tasks()) {
    text += fmt::format("\n## {}\n{}.\n\n### cairn train {}\n{}", task.name, task.what, task.name,
                        options_table(*task.options()));
    for (const Verb& v : task.verbs)
      text +=
          fmt::format("\n### cairn {} RUN\n{}.\n{}", v.name, v.what, options_table(*v.options()));
  }
  return text;
}

}  // namespace cairn::tasks
