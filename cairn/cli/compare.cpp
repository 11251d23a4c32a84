// cairn compare: several architectures on one task with the same budget and seeds, each training a
// process of its own, so that one that fails leaves the others alone.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <memory>

#include "cairn/base/parallel.h"
#include "cairn/cli/child.h"
#include "cairn/cli/commands.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/safetensors.h"
#include "cairn/io/utf8.h"
#include "cairn/metrics/intervals.h"
#include "cairn/tasks/task.h"
#include "cairn/train/signals.h"

namespace cairn::cli {
namespace {

struct CompareRequest {
  std::string task, data, config, out = "runs/compare", split;
  std::string models;
  double minutes = 0;
  int seeds = 1;
  bool json = false;
};

// What one architecture came to.
struct Compared {
  std::string model, metric, split;
  std::vector<double> values;  // one a seed
  bool higher_is_better = true;
  std::optional<metrics::Interval> interval;
  double seconds = 0, peak_mb = 0, predictions_a_second = 0;
  int64_t parameters = 0, steps = 0;
  std::string why;  // it is not there, or not whole
  std::string run;  // of the first seed
  bool has_value() const { return !values.empty(); }
  double value() const {
    double sum = 0;
    for (double v : values) sum += v;
    return sum / static_cast<double>(values.size());
  }
  bool is_better_than(const Compared& other) const {
    return higher_is_better ? value() > other.value() : value() < other.value();
  }
};

std::string reason_of(const ChildResult& r) {
  std::string text = r.said.starts_with("cairn: ") ? r.said.substr(7) : r.said;
  if (!text.empty()) return text;
  return r.status > 128 ? fmt::format("ended by signal {}", r.status - 128)
                        : fmt::format("exit status {}", r.status);
}

bool has_trained(const std::string& run) {
  std::error_code ignored;
  return std::filesystem::exists(run + "/model.safetensors", ignored) ||
         std::filesystem::exists(run + "/checkpoint.safetensors", ignored);
}

// Whether a run in the folder came as far as to be gone on with.
bool holds_trained(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
    if (has_trained(entry.path().string())) return true;
  return false;
}

// Of a training that did not come to tell; 0: nobody knows.
int64_t steps_in_checkpoint(const std::string& run) {
  try {
    const io::SafetensorsFile file(run + "/checkpoint.safetensors");
    const auto step = file.metadata().find("step");
    return step == file.metadata().end() ? 0 : std::strtoll(step->second.c_str(), nullptr, 10);
  } catch (const Error&) { return 0; }
}
int64_t parameters_in(const std::string& run) {
  try {
    return tasks::open_model(run)->network().num_parameters();
  } catch (const std::exception&) { return 0; }
}

class Comparison {
 public:
  Comparison(const CompareRequest& given, const tasks::Task& task) : given_(given), task_(task) {}

  Compared compare(const std::string& model) {
    Compared c;
    c.model = model;
    for (int seed = 0; seed < given_.seeds && c.why.empty(); ++seed) train(c, seed);
    if (c.values.size() > 1) c.interval = metrics::mean_interval(c.values);
    return c;
  }

 private:
  // The part of a budget that tells how many steps it has room for, in seconds.
  static constexpr double kTrial = 0.1, kLeastTrial = 4, kMostTrial = 60;
  static constexpr double kReserve = 0.85;   // of it for steps; the rest: start, evaluations
  static constexpr double kPatience = 1.25;  // times the budget: it is stopped

  double budget() const { return given_.minutes * 60 / given_.seeds; }

  std::vector<std::string> arguments(const std::string& model, int seed,
                                     const std::string& out) const {
    std::vector<std::string> all = {"train", task_.name, "--out",
                                    out,     "--seed",   std::to_string(seed)};
    const auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) all.insert(all.end(), {name, value});
    };
    add("--model", model), add("--data", given_.data), add("--config", given_.config);
    all.insert(all.end(), {"--threads", std::to_string(num_threads()), "--json"});
    return all;
  }

  // Steps that fit into the budget, by a trial; 0: as many as the task takes by itself.
  int64_t steps_for_budget(Compared& c, int seed) {
    if (given_.minutes == 0) return 0;
    const std::string folder = fmt::format("{}/{}-trial", given_.out, c.model);
    const double seconds = std::clamp(budget() * kTrial, kLeastTrial, kMostTrial);
    auto all = arguments(c.model, seed, folder);
    all.insert(all.end(), {"--steps", std::to_string(train::kMostSteps)});
    const ChildResult trial = run_cairn(all, seconds);
    std::filesystem::remove_all(folder);
    if (trial.in_time) return c.why = reason_of(trial), 0;
    const auto steps = static_cast<double>(steps_when_stopped(trial.said));
    return std::max<int64_t>(1, static_cast<int64_t>(steps / seconds * budget() * kReserve));
  }

  // "stopped at step 123 of ...": what a training says when it was told to stop; 0: another line.
  static int64_t steps_when_stopped(const std::string& said) {
    constexpr std::string_view kSaid = "stopped at step ";
    const size_t at = said.find(kSaid);
    return at == std::string::npos ? 0
                                   : std::strtoll(said.c_str() + at + kSaid.size(), nullptr, 10);
  }

  void train(Compared& c, int seed) {
    const int64_t steps = steps_for_budget(c, seed);
    check_signal();
    if (!c.why.empty()) return;
    const std::string run =
        fmt::format("{}/{}-{}", given_.out, c.model.empty() ? "only" : c.model, seed);
    auto all = arguments(c.model, seed, run);
    if (steps > 0) all.insert(all.end(), {"--steps", std::to_string(steps)});
    const ChildResult done = run_cairn(all, budget() * kPatience);
    check_signal();
    if (c.run.empty()) c.run = run;
    c.seconds += done.seconds, c.peak_mb = std::max(c.peak_mb, done.peak_mb);
    if (done.status != 0 && done.in_time) {
      c.why = reason_of(done);
      return;
    }
    if (!done.in_time && !has_trained(run)) {
      c.why = "its time was over before its first step was saved; give it more --minutes";
      return;
    }
    if (done.status == 0) {
      take_training(c, done.out);
      if (!done.in_time) c.why = "it took longer than its time";
    } else {
      c.steps = steps_in_checkpoint(run);
      c.why = "it was stopped when its time was over";
      if (done.status != 128 + SIGTERM) c.why += ": " + reason_of(done);
    }
    if (c.parameters == 0) c.parameters = parameters_in(run);
    measure(c, run);
  }

  static void take_training(Compared& c, const std::string& out) {
    const train::Json result = last_object(out, "a training");
    c.parameters = result.value("parameters", int64_t{0}),
    c.steps = result.value("steps", int64_t{0});
  }
  static train::Json last_object(const std::string& out, const char* of) {
    std::string line = out;
    while (!line.empty() && line.back() == '\n') line.pop_back();
    const size_t begin = line.rfind('\n');
    return io::parse_json(begin == std::string::npos ? line : line.substr(begin + 1), of);
  }

  void measure(Compared& c, const std::string& run) {
    std::vector<std::string> all = {"eval", run, "--json", "--threads",
                                    std::to_string(num_threads())};
    if (!given_.split.empty()) all.insert(all.end(), {"--split", given_.split});
    const ChildResult measured = run_cairn(all);
    check_signal();
    if (measured.status != 0) {
      c.why = "it could not be measured: " + reason_of(measured);
      return;
    }
    const train::Json result = last_object(measured.out, "an evaluation");
    c.split = result.value("split", "");
    const double examples = result.value("examples", 0.0);
    c.predictions_a_second = examples / measured.seconds;
    for (const tasks::Quality& q : task_.qualities) {
      if (!result.contains(q.name) || !result[q.name].is_number()) continue;
      c.metric = q.name, c.higher_is_better = q.higher_is_better;
      c.values.push_back(result[q.name].get<double>());
      if (q.is_share && examples > 0)
        c.interval = metrics::share_interval(c.values[0], static_cast<int64_t>(examples));
      return;
    }
    c.why = "it measured nothing to compare by";
  }

  void check_signal() const {
    const int signal = train::SignalScope::caught();
    if (signal == 0) return;
    if (!holds_trained(given_.out))
      throw train::Stopped(signal, "stopped; nothing was trained as far as to be saved");
    throw train::Stopped(signal, fmt::format("stopped; what was trained lies in {}, to be measured "
                                             "(cairn eval) or gone on with (cairn train --resume)",
                                             io::printable(given_.out)));
  }

  const CompareRequest& given_;
  const tasks::Task& task_;
};

std::vector<std::string> models_of(const CompareRequest& given, const tasks::Task& task) {
  const auto options = task.options();
  train::AnyOption* model = options->find("model");
  std::vector<std::string> models;
  for (size_t at = 0; at < given.models.size();) {
    const size_t end = std::min(given.models.find(',', at), given.models.size());
    models.push_back(given.models.substr(at, end - at));
    at = end + 1;
  }
  if (models.empty() && model) models = model->choices();
  if (models.empty())
    throw UsageError(
        fmt::format("'{}' has one architecture: there is nothing to compare", task.name));
  for (const std::string& name : models) {
    if (!model)
      throw UsageError(
          fmt::format("--models: '{}' has one architecture, without a name", task.name));
    try {
      model->parse(name), model->check();
    } catch (const InvalidOption& e) { throw UsageError("--models: " + e.reason()); }
    if (std::count(models.begin(), models.end(), name) > 1)
      throw UsageError(fmt::format("--models: '{}' twice", name));
  }
  return models;
}

train::Json row_of_model(const Compared& c) {
  train::Json row = {{"model", c.model}, {"metric", c.metric}};
  row["value"] = c.has_value() ? train::Json(c.value()) : train::Json();
  if (c.interval) row["low"] = c.interval->low, row["high"] = c.interval->high;
  row.update({{"split", c.split},
              {"seeds", c.values.size()},
              {"seconds", c.seconds},
              {"steps", c.steps},
              {"parameters", c.parameters},
              {"peak_mb", c.peak_mb},
              {"predictions_a_second", c.predictions_a_second},
              {"run", c.run}});
  if (!c.why.empty()) row["why"] = c.why;
  return row;
}

std::string short_number(double value) { return fmt::format("{:.4g}", value); }

// Which to choose.
std::string choice(const std::vector<Compared>& ranked) {
  if (ranked.empty()) return "No architecture could be measured.";
  const Compared& best = ranked[0];
  const std::string text =
      fmt::format("Choose {}: {} {} on {}", best.model, best.metric, short_number(best.value()),
                  best.split.empty() ? "its data" : best.split);
  if (ranked.size() == 1) return text + "; no other could be measured.";
  return text + fmt::format(", {} has {}.", ranked[1].model, short_number(ranked[1].value()));
}

// How sure that is, and when another would be the choice.
std::string advice(const std::vector<Compared>& ranked) {
  if (ranked.size() < 2) return "";
  const Compared &best = ranked[0], &second = ranked[1];
  std::string text;
  if (!best.interval || !second.interval)
    text = "One seed does not say how sure that is (--seeds 3 does).";
  else if (best.interval->low > second.interval->high || best.interval->high < second.interval->low)
    text = "Their intervals lie apart.";
  else text = "Their intervals overlap, so that this may be chance.";
  const auto quicker = std::max_element(ranked.begin(), ranked.end(), [](auto& a, auto& b) {
    return a.predictions_a_second < b.predictions_a_second;
  });
  const auto smaller = std::min_element(ranked.begin(), ranked.end(),
                                        [](auto& a, auto& b) { return a.peak_mb < b.peak_mb; });
  if (quicker->model != best.model)
    text += fmt::format(" Where speed counts more, {}: {:.1f} times as many predictions a second.",
                        quicker->model, quicker->predictions_a_second / best.predictions_a_second);
  if (smaller->model != best.model)
    text += fmt::format(" Where memory is short, {}: {:.0f} MB to train, not {:.0f}.",
                        smaller->model, smaller->peak_mb, best.peak_mb);
  return text;
}

std::vector<Compared> ranked(std::vector<Compared> all) {
  std::erase_if(all, [](const Compared& c) { return !c.has_value(); });
  std::stable_sort(all.begin(), all.end(),
                   [](const Compared& a, const Compared& b) { return a.is_better_than(b); });
  return all;
}

// The value, with what it may be as well.
std::string in_words(const Compared& c) {
  if (!c.has_value()) return "-";
  std::string text = short_number(c.value());
  if (c.interval)
    text +=
        fmt::format(" ({} to {})", short_number(c.interval->low), short_number(c.interval->high));
  return text;
}

void print_comparison(const std::vector<Compared>& all, const std::vector<Compared>& in_order) {
  const std::string metric = in_order.empty() ? "quality" : in_order[0].metric;
  fmt::print("{:<16} {:<28} {:>9} {:>9} {:>12} {:>9} {:>13}\n", "model", metric, "seconds", "steps",
             "parameters", "peak MB", "predictions/s");
  for (const Compared& c : all) {
    fmt::print("{:<16} {:<28} {:>9.1f} {:>9} {:>12} {:>9.0f} {:>13.0f}\n", c.model, in_words(c),
               c.seconds, c.steps, c.parameters, c.peak_mb, c.predictions_a_second);
    if (!c.why.empty()) fmt::print("{:<16} {}\n", "", io::printable(c.why));
  }
  fmt::print("{} {}\n", choice(in_order), advice(in_order));
}

void write_comparison(const std::string& path, const CompareRequest& given, const tasks::Task& task,
                      const std::vector<Compared>& all, const std::vector<Compared>& in_order) {
  using namespace train::report;
  Page page(fmt::format("{}: which architecture", task.title), "");
  page.section(task.title);
  page.headline(choice(in_order));
  if (in_order.size() > 1) page.paragraph(advice(in_order));
  std::vector<Bar> quality, speed, memory, size;
  double most = 0, fastest = 0, largest = 0, heaviest = 0;
  for (const Compared& c : in_order) {
    most = std::max(most, std::abs(c.value())), fastest = std::max(fastest, c.predictions_a_second);
    largest = std::max(largest, c.peak_mb);
    heaviest = std::max(heaviest, static_cast<double>(c.parameters));
  }
  const auto part = [](double v, double of) { return of > 0 ? std::abs(v) / of : 0; };
  for (const Compared& c : in_order) {
    quality.push_back({c.model, part(c.value(), most), in_words(c)});
    speed.push_back({c.model, part(c.predictions_a_second, fastest),
                     fmt::format("{:.0f} a second", c.predictions_a_second)});
    memory.push_back({c.model, part(c.peak_mb, largest), fmt::format("{:.0f} MB", c.peak_mb)});
    size.push_back(
        {c.model, part(static_cast<double>(c.parameters), heaviest), with_thousands(c.parameters)});
  }
  if (!in_order.empty()) {
    const bool higher = in_order[0].higher_is_better;
    page.figures({{bars(quality), fmt::format("{}: {} is better; in brackets the interval of 95 %",
                                              in_order[0].metric, higher ? "more" : "less")}});
    page.figures({{bars(speed), "predictions, the start of the program included"}});
    page.figures({{bars(memory), "memory of the training"}});
    page.figures({{bars(size), "parameters"}});
  }
  for (const Compared& c : all)
    if (!c.why.empty()) page.paragraph(fmt::format("{}: {}", c.model, c.why));
  page.paragraph(fmt::format("{} each, {}, {}, the same data. The runs lie in {}.",
                             given.minutes > 0 ? fmt::format("{:g} minutes", given.minutes)
                                               : "As many steps as the task takes",
                             counted(given.seeds, "seed"), counted(num_threads(), "thread"),
                             given.out));
  page.write(path);
}

// Before anything is trained that it could not measure.
void check_split(const std::string& split, const tasks::Task& task) {
  const tasks::Verb* eval = tasks::find_verb(task, "eval");
  const auto options = eval ? eval->options() : nullptr;
  train::AnyOption* option = options ? options->find("split") : nullptr;
  if (!option)
    throw UsageError(fmt::format("--split: '{}' is measured on its data as a whole", task.name));
  try {
    option->parse(split), option->check();
  } catch (const InvalidOption& e) { throw UsageError("--split: " + e.reason()); }
}

// True: it was not there.
bool make_folder(const std::string& path) {
  namespace fs = std::filesystem;
  if (path.empty()) throw UsageError("--out: a folder's name is wanted");
  std::error_code failed;
  if (fs::exists(path, failed) && !fs::is_directory(path, failed))
    throw UsageError(fmt::format("--out: '{}' is no folder; name another", path));
  if (fs::is_directory(path, failed) && !fs::is_empty(path, failed))
    throw UsageError(fmt::format("--out: '{}' is not empty; name another folder", path));
  failed.clear();
  const bool made = fs::create_directories(path, failed);
  check(!failed, "--out: the folder '{}' cannot be made: {}; name another", path, failed.message());
  return made;
}

int run_comparison(CompareRequest& given) {
  const tasks::Task& task = tasks::task_named(given.task);
  const auto models = models_of(given, task);
  if (!given.split.empty()) check_split(given.split, task);
  const bool made = make_folder(given.out);
  const std::string page = given.out + "/compare.html";
  io::check_writable(page);
  const train::SignalScope signals;
  Comparison comparison(given, task);
  std::vector<Compared> all;
  for (const std::string& model : models) try {
      if (!given.json) fmt::print(stderr, "{} ...\n", model);
      all.push_back(comparison.compare(model));
      if (given.json)
        fmt::print("{}\n", io::dump_json(row_of_model(all.back()))), std::fflush(stdout);
    } catch (const train::Stopped&) {  // the folder is free for the next try, too
      std::error_code ignored;
      if (made && !holds_trained(given.out)) std::filesystem::remove_all(given.out, ignored);
      throw;
    }
  const auto in_order = ranked(all);
  if (!given.json) print_comparison(all, in_order);
  if (in_order.empty()) {  // the folder is free for the next try where no training left anything
    std::error_code ignored;
    if (made) std::filesystem::remove(given.out, ignored);
    return kFailed;
  }
  write_comparison(page, given, task, all, in_order);
  if (!given.json) fmt::print("open {} in a browser\n", io::printable(page));
  return kDone;
}

}  // namespace

void add_compare(const Command& app) {
  const Command c =
      app.add_command("compare", "Train several architectures on one task and say which to choose");
  c.examples(
      "  cairn compare image-classification --models lenet,resnet9 --minutes 2\n"
      "  cairn compare language-model --data book.txt --minutes 5 --seeds 3 --json\n");
  const auto given = std::make_shared<CompareRequest>();
  c.option("task", given->task, fmt::format("{}", fmt::join(tasks::task_names(), ", "))).required();
  c.option("--data", given->data,
           "What to learn from, as the task takes it (default: what comes with the program)");
  c.option("--models", given->models,
           "Architectures, with commas between (default: all that the task has)");
  c.option("--minutes", given->minutes,
           "Time of each architecture, all seeds together (default: the task's own steps)")
      .positive();
  c.option("--seeds", given->seeds,
           "Trainings of each, whose mean counts; 2 or more give an interval")
      .whole(1, 100)
      .shows_default();
  c.option("--split", given->split,
           "Part of the data to compare on (default: that of the task's eval)");
  c.option("--config", given->config,
           "JSON file of options that all share, as a run's config.json");
  c.option("--out", given->out, "Folder of the runs and of compare.html").shows_default();
  c.flag("--json", given->json, "Print one JSON object for each model");
  add_threads(c);
  c.runs([given] { return run_comparison(*given); });
}

}  // namespace cairn::cli
