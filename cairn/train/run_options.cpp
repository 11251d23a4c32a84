#include "cairn/train/run_options.h"

#include <algorithm>
#include <filesystem>

#include "cairn/base/parallel.h"
#include "cairn/io/file.h"
#include "cairn/io/utf8.h"

namespace cairn::train {
namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

void choose_run(const std::string& task, RunOptions& o) {
  o.validate();
  if (o.resume) {
    if (o.out->empty())
      throw InvalidOption("resume", "say which run: cairn train --resume DIR, or out = DIR");
    RunFolder run = RunFolder::open(o.out, task);
    run.wants_training("resume");
    run.lock();
    o.changed = o.continue_from(run.config(), run.file("config.json"));
    o.resumed = run;
    return;
  }
  if (!o.out->empty()) RunFolder::refuse_held(o.out);
}

RunFolder begin_run(const std::string& task, const RunOptions& o) {
  o.validate();
  Json config = {{"task", task}, {"format", kConfigFormat}};
  config.update(o.to_json());
  config["threads"] = num_threads();
  std::error_code gone;
  const auto folder = std::filesystem::current_path(gone).string();
  if (!gone) config["folder"] = folder;  // where its relative paths hold
  if (!o.resume)
    return o.out->empty() ? RunFolder::create_numbered(task, config)
                          : RunFolder::create(o.out, config);
  check(o.resumed.has_value(), "{}: begin_run without choose_run", *o.out);
  RunFolder run = *o.resumed;
  run.set_config(config);
  io::remove_dead_temporaries(run.path());
  return run;
}

void fill_length(RunOptions& o, int64_t steps_per_epoch, std::optional<int64_t> epochs_of_recipe,
                 std::optional<int64_t> steps_of_recipe) {
  const int64_t per_epoch = std::max<int64_t>(1, steps_per_epoch);
  if (has(o.changed, "epochs") && !has(o.changed, "steps")) o.steps.leave_open();
  if (has(o.changed, "steps") && !has(o.changed, "epochs")) o.epochs.leave_open();
  if (!o.resume && !o.steps.is_open() && !o.epochs.is_open())
    throw InvalidOption("steps", "and epochs: give one of them");
  if (o.steps.is_open() && o.epochs.is_open()) {
    if (epochs_of_recipe) o.epochs.fill(*epochs_of_recipe);
    else o.epochs.fill_usual(o.chosen_model());
  }
  if (!o.epochs.is_open()) o.steps.fill(*o.epochs * per_epoch);
  else if (steps_of_recipe) o.steps.fill(*steps_of_recipe);
  else o.steps.fill_usual(o.chosen_model());
}

void note_size(const RunOptions& o, Option<int64_t>& kept, int64_t now, const std::string& source,
               const char* what) {
  if (!kept.is_open() && kept != now && !o.quiet)
    fmt::print(stderr, "cairn: '{}' has {} {} now, {} when the run began\n", source, now, what,
               *kept);
  kept.leave_open(), kept.fill(now);
}

void say_left_out(const std::string& source, const std::string& left_out) {
  if (!left_out.empty()) fmt::print(stderr, "cairn: '{}': {}\n", io::printable(source), left_out);
}

}  // namespace cairn::train
