#include "cairn/tasks/task.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>

#include "cairn/base/version.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/metrics/classification.h"
#include "cairn/tasks/line_warnings.h"
#include "cairn/tasks/outputs.h"

namespace cairn::tasks {
namespace fs = std::filesystem;

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

namespace {
thread_local FILE* collects = nullptr;
thread_local LineWarnings* collects_warnings = nullptr;
}  // namespace

FILE* printed() { return collects ? collects : stdout; }
Printed::Printed() : file_(open_memstream(&text_, &size_)) {
  check(file_, "no memory for what is printed");
  collects = file_;
}
Printed::~Printed() {
  collects = nullptr;
  std::fclose(file_);
  std::free(text_);
}
std::string Printed::text() {
  std::fflush(file_);
  return {text_, size_};
}
bool Printed::lives() { return collects != nullptr; }

LineWarnings::LineWarnings() { collects_warnings = this; }
LineWarnings::~LineWarnings() { collects_warnings = nullptr; }
void LineWarnings::add(const std::string& warning) {
  if (collects_warnings) collects_warnings->all_[static_cast<size_t>(ftell(printed()))] = warning;
}

void say_changed_files(const Model& model) {
  const std::string words = train::changed_files(model.saved().config);
  if (!words.empty()) fmt::print(stderr, "cairn: {}\n", words);
}

void print_evaluation(const Json& r, bool json, std::string (*in_words)(const Json&)) {
  if (json) return fmt::print("{}\n", io::dump_json(r));
  if (r.contains("confusion") && r.contains("classes"))
    fmt::print("{}", metrics::confusion_table(r["confusion"], r["classes"]));
  const std::string split = r["split"].get<std::string>();
  fmt::print("{} {}examples: {}\n", r["examples"].dump(), split == "all" ? "" : split + " ",
             in_words(r));
}

namespace {

std::string machine() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

std::string day_of(const std::string& file) {
  const auto age = fs::file_time_type::clock::now() - fs::last_write_time(file);
  const std::time_t then = std::chrono::system_clock::to_time_t(
      std::chrono::system_clock::now() -
      std::chrono::duration_cast<std::chrono::system_clock::duration>(age));
  char day[32] = "";
  std::strftime(day, sizeof day, "%Y-%m-%d", std::localtime(&then));
  return day;
}

std::string text_of(const Json& config, const char* key) {
  const auto it = config.find(key);
  return it == config.end() ? "" : it->is_string() ? it->get<std::string>() : it->dump();
}

// Where it comes from, and how to make a run like it.
void write_origin(train::report::Page& page, const Model& model) {
  const Json& config = model.saved().config;
  const std::string data = text_of(config, "data");
  page.origin({{"data", data.empty() ? "what comes with the program" : data},
               {"trained", day_of(model.saved().weights)},
               {"seed", text_of(config, "seed")},
               {"threads", text_of(config, "threads")},
               {"page by", std::string("cairn ") + kVersion},
               {"on", machine()}},
              fmt::format("cairn train {} --config {} --out again", model.task(),
                          model.saved().config_file()));
}

}  // namespace

void report_on(train::report::Page& page, const Task& task, Model& model) {
  const auto log = train::report::lines_of(model.path());
  write_origin(page, model);
  page.ends_headline(train::report::took(log, model.saved().config));
  task.report(page, model, log);
}

void write_facts(train::report::Page& page, Model& model, const train::report::Lines& log,
                 std::vector<std::pair<std::string, std::string>> facts) {
  facts.emplace_back("parameters", train::report::with_thousands(model.network().num_parameters()));
  facts.emplace_back("training", train::report::seconds_of(log));
  page.facts(facts);
}

std::string write_report(const std::string& run, const std::string& out, const std::string& data) {
  const auto folder = train::RunFolder::open(run, "");
  folder.wants_training("report on");
  const std::string path = out.empty() ? folder.file("report.html") : out;
  io::check_writable(path);
  keep_run(run, path);
  const auto model = open_model(run, data);
  say_changed_files(*model);
  const Task& task = task_named(model->task());
  train::report::Page page(run, "");
  page.section(task.title);
  report_on(page, task, *model);
  page.write(path);
  return path;
}

namespace {

std::string options_table(const train::OptionSet& options) {
  std::string text = "\n| option | default | |\n|---|---|---|\n";
  for (const train::AnyOption* o : options.all())
    if (o->use() != train::Use::fact)
      text += fmt::format("| `{}` | {} | {} |\n", o->flag(), o->standard(), o->explained());
  return text;
}

}  // namespace

std::string document_tasks() {
  std::string text =
      "# Tasks\n\nWritten from the table of tasks (`cairn/tasks/tasks.cpp`) by a test; "
      "do not edit.\n";
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
