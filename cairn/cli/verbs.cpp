// Commands on a trained model: their options are those of the run's task.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/onnx/file.h"
#include "cairn/tasks/imported/model.h"
#include "cairn/tasks/outputs.h"

namespace cairn::cli {
namespace {

struct Called {
  std::string run;
  std::unique_ptr<train::OptionSet> options;
  // Of an ONNX file, whose task is known when all of it was read.
  std::string opened_path;
  std::unique_ptr<tasks::Model> opened;

  std::unique_ptr<tasks::Model> open() {
    return opened && opened_path == run ? std::move(opened) : tasks::open_model(run);
  }
};

// Which argument is the run: the first that is one; else the first that is no option.
std::string find_run(const std::vector<std::string>& arguments) {
  for (size_t i = 1; i < arguments.size(); ++i)
    if (train::RunFolder::holds_run(arguments[i]) ||
        ((arguments[i].ends_with(".safetensors") || onnx::is_onnx_name(arguments[i])) &&
         std::filesystem::exists(arguments[i])))
      return arguments[i];
  for (size_t i = 1; i < arguments.size(); ++i)
    if (!arguments[i].starts_with("-") && !arguments[i - 1].starts_with("--")) return arguments[i];
  return "";
}

std::vector<const tasks::Task*> tasks_with(const std::string& verb) {
  std::vector<const tasks::Task*> some;
  for (const tasks::Task& t : tasks::all_tasks())
    if (tasks::find_verb(t, verb)) some.push_back(&t);
  return some;
}

std::string names_of(const std::vector<const tasks::Task*>& tasks) {
  std::string names;
  for (const tasks::Task* t : tasks) names += (names.empty() ? "" : ", ") + std::string(t->name);
  return names;
}

// What the verb means, whatever the task.
std::string words_for(const tasks::Verb& verb) {
  static const std::map<std::string, std::string> known = {
      {"eval", "Measure a trained network on a data set"},
      {"predict", "Say what a trained network sees in files"},
      {"generate", "Let a trained network make something new"},
      {"quantize", "Make a trained network compute in 8 bits"}};
  const auto it = known.find(verb.name);
  return it == known.end() ? verb.what : it->second;
}

// The options of the run's task; without a run, what each task does.
void describe(const Command& command, const std::string& name,
              const std::vector<std::string>& arguments) {
  const auto able = tasks_with(name);
  const auto chosen = std::make_shared<Called>();
  command
      .option(
          "run", chosen->run,
          "Run folder, the model.safetensors of one, a folder of Hugging Face's, or an ONNX file")
      .required();
  const std::string path = find_run(arguments);
  if (onnx::is_onnx_name(path)) {
    chosen->opened_path = path;
    chosen->opened = tasks::open_model(path);
  }
  const std::string task = path.empty()     ? ""
                           : chosen->opened ? chosen->opened->task()
                                            : tasks::task_of(path);
  const tasks::Verb* verb = nullptr;
  std::string examples;
  for (const tasks::Task* t : able) {
    const tasks::Verb* v = tasks::find_verb(*t, name);
    if (task == t->name) verb = v;
    examples += task.empty() || verb == v ? v->examples : "";
  }
  if (task == tasks::imported::kTask) {
    verb = tasks::imported::find_verb(name);
    check(verb, "{}: an ONNX file; 'cairn predict' runs it, and 'cairn {}' does not", path, name);
    examples = verb->examples;
  }
  if (!path.empty() && !verb)
    fail("{}: is a run of task '{}', which 'cairn {}' cannot use; it takes runs of: {}", path, task,
         name, names_of(able));
  if (!verb) examples += fmt::format("  cairn {} RUN --help   (options by the run's task)\n", name);
  command.examples(examples);
  if (verb) {
    command.is_about(verb->what, task);
    chosen->options = verb->options();
    add_options(command, *chosen->options);
  }
  add_threads(command);
  // Elsewhere the name of standard input; here that is read when no file is named.
  bool dash = false;
  for (size_t i = 1; i < arguments.size(); ++i)
    dash |= arguments[i] == "-" && !arguments[i - 1].starts_with("--");
  command.runs([chosen, verb, task, dash] {
    if (dash)
      throw UsageError(
          "'-' is no file: texts come from standard input when none is named (cairn predict RUN < "
          "FILE); pictures, sounds and tables are files");
    const auto model = chosen->open();
    check(verb && model->task() == task, "'{}': name the run before its options", chosen->run);
    tasks::keep_inputs(model->path(), *chosen->options);
    return verb->run(*model, *chosen->options);
  });
}

}  // namespace

void add_verbs(const Command& app, const std::vector<std::string>& arguments) {
  std::vector<std::string> seen;
  for (const tasks::Task& task : tasks::all_tasks())
    for (const tasks::Verb& verb : task.verbs) {
      if (std::find(seen.begin(), seen.end(), verb.name) != seen.end()) continue;
      seen.emplace_back(verb.name);
      const Command command = app.add_command(verb.name, words_for(verb));
      if (!arguments.empty() && arguments[0] == verb.name) describe(command, verb.name, arguments);
    }
}

}  // namespace cairn::cli
