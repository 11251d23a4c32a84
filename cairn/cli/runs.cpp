// cairn runs: which trainings lie in a folder, what came of them, and in what they differ.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "cairn/cli/commands.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"
#include "cairn/tasks/task.h"
#include "cairn/train/quantized_run.h"

namespace cairn::cli {
namespace {

namespace fs = std::filesystem;
using train::Json;

struct RunsRequest {
  std::string folder = "runs", task, page;
  bool json = false;
};

std::string short_text(const Json& value) {
  const std::string text = value.is_string() ? value.get<std::string>() : io::dump_json(value);
  if (text.size() <= 24) return text;
  const std::string cut = text.substr(0, 21);
  return cut.substr(0, io::complete_utf8_prefix(cut)) + "...";
}

struct Seen {
  std::string path, task, model, split, metric;
  Json config;
  train::report::Lines log;
  std::optional<double> value;  // the last that was measured
  bool higher_is_better = true;
  int64_t step = 0, steps = 0;
  double seconds = 0;
  std::string differs;  // options that other runs of the task have otherwise
  std::string from;     // in 8 bits: the run that it was made of
  std::string why;      // it cannot be read, or has no weights
  bool damaged = false, in_8_bits = false;
  // A full disk ends a training behind its last line of the log: what lies there tells.
  bool has_weights = true, is_held = false;
  bool diverged = false;  // as the last line of its log says

  const char* state() const {
    if (damaged) return "damaged";
    if (in_8_bits) return "8 bits";
    if (is_held) return "training";
    if (diverged) return "diverged";
    if (!has_weights) return "failed";
    return steps > 0 && step >= steps ? "finished" : "stopped";
  }
};

// The task's measure as the log has it: "validation_accuracy" before "test_accuracy".
void take_quality(Seen& run, const tasks::Task& task) {
  for (const tasks::Quality& q : task.qualities)
    for (const char* split : {"validation", "test"}) {
      const auto curve =
          train::report::curve_of(run.log, std::string(split) + "_" + q.name, q.name);
      if (curve.y.empty()) continue;
      run.metric = q.name, run.split = split, run.value = curve.y.back();
      run.higher_is_better = q.higher_is_better;
      return;
    }
}

// The last of its steps and seconds. What others wrote into the log may be anything.
void take_progress(Seen& run) {
  const auto number = [&](const Json& line, const char* key) -> std::optional<double> {
    const auto value = line.find(key);
    if (value == line.end()) return {};
    check(value->is_number(), "'{}/metrics.jsonl': \"{}\" is {}, no number; it is damaged",
          run.path, key, short_text(*value));
    return value->get<double>();
  };
  for (const auto& line : run.log) {
    const double step = number(line, "step").value_or(0);
    check(step >= 0 && step <= static_cast<double>(train::kMostSteps),
          "'{}/metrics.jsonl': \"step\" is {:g}; it is damaged", run.path, step);
    run.step = std::max(run.step, static_cast<int64_t>(step));
    run.seconds = number(line, "seconds").value_or(run.seconds);
    const auto diverged = line.find("diverged");
    run.diverged = diverged != line.end() && *diverged == true;
  }
}

// What "cairn quantize" made has no log, and the configuration of the run that it was made of.
void take_origin(Seen& run) {
  const Json& how = run.config["quantization"];
  const bool known = how.is_object() && how.contains("from") && how["from"].is_string();
  run.in_8_bits = true, run.from = known ? how["from"].get<std::string>() : "";
}

void take_weights(Seen& run, const train::RunFolder& folder) {
  run.is_held = !train::RunLock::holder_of(run.path).empty();
  run.has_weights = folder.has_weights() || folder.has_checkpoint();
  if (!run.has_weights && !run.is_held)
    run.why = "no weights: there is neither a checkpoint nor model.safetensors";
}

Seen look_at(const std::string& path) {
  Seen run;
  run.path = path;
  try {
    check(fs::is_regular_file(path + "/config.json"), "'{}/config.json' is no file", path);
    const auto folder = train::RunFolder::open(path, "");
    run.config = folder.config();
    run.task = run.config.value("task", "");
    run.model = run.config.contains("model") && run.config["model"].is_string()
                    ? run.config["model"].get<std::string>()
                    : "";
    run.steps = run.config.contains("steps") && run.config["steps"].is_number_integer()
                    ? run.config["steps"].get<int64_t>()
                    : 0;
    if (train::is_quantized(run.config)) {
      take_origin(run);
      return run;
    }
    take_weights(run, folder);
    // A training that has not come to its first step has no log.
    if (run.has_weights || fs::exists(folder.metrics())) run.log = train::report::lines_of(path);
    take_progress(run);
    const tasks::Task& task = tasks::task_named(run.task);
    if (run.has_weights) take_quality(run, task);
  } catch (const std::exception& e) { run.why = e.what(), run.damaged = true; }
  return run;
}

// Runs below a folder; not those inside a run.
void find_runs(const fs::path& folder, int depth, std::vector<std::string>& found) {
  if (train::RunFolder::holds_run(folder.string())) return found.push_back(folder.string());
  constexpr int kDeepest = 4;
  if (depth == kDeepest) return;
  std::error_code ignored;
  for (const auto& entry :
       fs::directory_iterator(folder, fs::directory_options::skip_permission_denied, ignored))
    if (entry.is_directory(ignored) && !entry.is_symlink(ignored) &&
        !entry.path().filename().string().starts_with("."))
      find_runs(entry.path(), depth + 1, found);
}

// Of the options that the command line knows, those whose values are not the same in all.
void note_differences(std::vector<Seen*>& runs, const tasks::Task& task) {
  const auto options = task.options();
  for (const auto& [option, group] : options->all()) {
    if (!option->stored() || option->use() == train::Use::fact) continue;
    const std::string name = option->name();
    if (name == "model") continue;  // stands by itself
    const auto of = [&](const Seen* run) {
      return run->config.contains(name) ? run->config[name] : Json();
    };
    const bool same = std::all_of(runs.begin(), runs.end(),
                                  [&](const Seen* run) { return of(run) == of(runs[0]); });
    if (same) continue;
    for (Seen* run : runs)
      if (!of(run).is_null())
        run->differs +=
            fmt::format("{}{}={}", run->differs.empty() ? "" : " ", name, short_text(of(run)));
  }
}

std::vector<Seen> all_runs(const RunsRequest& given) {
  std::vector<std::string> found;
  find_runs(given.folder, 0, found);
  std::sort(found.begin(), found.end());
  std::vector<Seen> runs;
  for (const std::string& path : found) {
    Seen run = look_at(path);
    if (given.task.empty() || run.task == given.task) runs.push_back(std::move(run));
  }
  for (const tasks::Task& task : tasks::all_tasks()) {
    std::vector<Seen*> of_task;
    for (Seen& run : runs)
      if (run.task == task.name && !run.damaged) of_task.push_back(&run);
    if (of_task.size() > 1) note_differences(of_task, task);
  }
  return runs;
}

Json row_of_run(const Seen& run) {
  Json row = {{"run", run.path},       {"task", run.task}, {"model", run.model},
              {"state", run.state()},  {"step", run.step}, {"steps", run.steps},
              {"seconds", run.seconds}};
  if (run.value) row.update({{"split", run.split}, {"metric", run.metric}, {"value", *run.value}});
  if (!run.differs.empty()) row["differs"] = run.differs;
  if (run.in_8_bits) row["from"] = run.from;
  if (!run.why.empty()) row["why"] = run.why;
  return row;
}

// A mark at the best of its task, by the same measure on the same part of the same data in the same
// tokens.
bool is_best(const Seen& run, const std::vector<Seen>& all) {
  if (!run.value) return false;
  int others = 0;
  for (const Seen& other : all) {
    const auto same = [&](const char* option) {
      return run.config.value(option, Json()) == other.config.value(option, Json());
    };
    if (&other == &run || other.task != run.task || !other.value || other.metric != run.metric ||
        other.split != run.split || !same("data") || !same("tokens"))
      continue;
    ++others;
    if (run.higher_is_better ? *other.value > *run.value : *other.value < *run.value) return false;
  }
  return others > 0;
}

void print_runs(const std::vector<Seen>& all) {
  size_t width = 3;
  for (const Seen& run : all) width = std::max(width, std::min<size_t>(run.path.size(), 48));
  fmt::print("{:<{}}  {:<21} {:<12} {:<9} {:>9} {:>9}  {}\n", "run", width, "task", "model",
             "state", "step", "seconds", "measured (*: best of its task)");
  for (const Seen& run : all) {
    const std::string measured = run.value
                                     ? fmt::format("{}{} {} {:.4g}", is_best(run, all) ? "*" : "",
                                                   run.split, run.metric, *run.value)
                                     : "";
    fmt::print("{:<{}}  {:<21} {:<12} {:<9} {:>9} {:>9.1f}  {}\n", io::printable(run.path), width,
               run.task, run.model, run.state(), run.step, run.seconds, measured);
    const std::string origin = run.from.empty() ? "" : "made of " + run.from;
    for (const std::string& more : {origin, run.differs, run.why})
      if (!more.empty()) fmt::print("{:<{}}  {}\n", "", width, io::printable(more));
  }
}

void write_runs_page(const std::string& path, const std::string& folder,
                     const std::vector<Seen>& all) {
  using namespace train::report;
  Page page("Runs in " + folder, "");
  for (const tasks::Task& task : tasks::all_tasks()) {
    std::map<std::string, LineChart> charts_by_measure;
    int64_t count = 0;
    for (const Seen& run : all) {
      if (run.task != task.name) continue;
      ++count;
      if (!run.value) continue;
      const std::string what = run.split + " " + run.metric;
      LineChart& chart = charts_by_measure[what];
      chart.title = what, chart.x_label = "step", chart.y_label = run.metric;
      chart.series.push_back(curve_of(run.log, run.split + "_" + run.metric, short_name(run.path)));
    }
    if (count == 0) continue;
    page.section(task.title, counted(count, "run"));
    std::vector<std::pair<LineChart, std::string>> shown;
    for (const auto& [what, chart] : charts_by_measure) shown.emplace_back(chart, "");
    page.figures(charts(shown));
    for (const Seen& run : all)
      if (run.task == task.name)
        page.paragraph(fmt::format(
            "{}: {}{}{}{}", run.path, run.state(), run.from.empty() ? "" : ", made of " + run.from,
            run.value ? fmt::format(", {} {} {:.4g}", run.split, run.metric, *run.value) : "",
            run.differs.empty() ? "" : "; " + run.differs));
  }
  page.write(path);
}

int list_runs(const RunsRequest& given) {
  if (!given.task.empty()) tasks::task_named(given.task);
  check(fs::is_directory(given.folder),
        "no such folder: '{}'; name one that holds runs (cairn train ... --out FOLDER/NAME)",
        given.folder);
  if (!given.page.empty()) io::check_writable(given.page);
  const auto all = all_runs(given);
  if (given.json)
    for (const Seen& run : all) fmt::print("{}\n", io::dump_json(row_of_run(run)));
  else if (all.empty()) fmt::print("no runs in {}\n", io::printable(given.folder));
  else print_runs(all);
  if (!given.page.empty()) write_runs_page(given.page, given.folder, all);
  return kDone;
}

}  // namespace

void add_runs(const Command& app) {
  const Command c = app.add_command("runs", "List the trainings in a folder and compare them");
  c.examples(
      "  cairn runs\n"
      "  cairn runs runs --task image-classification --page runs.html\n"
      "  cairn runs experiments --json\n");
  const auto given = std::make_shared<RunsRequest>();
  c.option("folder", given->folder, "Where the runs lie, up to four folders deep").shows_default();
  c.option("--task", given->task, "Only runs of this task");
  c.option("--page", given->page, "Write a page of their curves (HTML)");
  c.flag("--json", given->json, "Print one JSON object for each run");
  c.runs([given] { return list_runs(*given); });
}

}  // namespace cairn::cli
