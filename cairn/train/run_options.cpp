#include "cairn/train/run_options.h"

#include <algorithm>

#include "cairn/base/parallel.h"

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
    const RunFolder run = RunFolder::open(o.out, task);
    o.changed = o.continue_from(run.config(), run.file("config.json"));
    return;
  }
  if (o.out->empty()) o.out = RunFolder::fresh_name(task);
  else RunFolder::refuse_held(o.out);
}

RunFolder begin_run(const std::string& task, const RunOptions& o) {
  o.validate();
  Json config = {{"task", task}, {"format", kConfigFormat}};
  config.update(o.to_json());
  config["threads"] = num_threads();
  RunFolder run = o.resume ? RunFolder::open(o.out, task) : RunFolder::create(o.out, config);
  run.set_config(config);
  run.remove_leftovers();
  return run;
}

void fill_length(const RunOptions& o, Option<int64_t>& steps, Option<int64_t>& epochs,
                 int64_t steps_per_epoch, std::optional<int64_t> epochs_of_recipe,
                 std::optional<int64_t> steps_of_recipe) {
  const int64_t per_epoch = std::max<int64_t>(1, steps_per_epoch);
  if (has(o.changed, "epochs") && !has(o.changed, "steps")) steps.leave_open();
  if (has(o.changed, "steps") && !has(o.changed, "epochs")) epochs.leave_open();
  if (!o.resume && !steps.is_open() && !epochs.is_open())
    throw InvalidOption("steps", "and epochs: give one of them");
  if (steps.is_open() && epochs.is_open() && epochs_of_recipe) epochs.fill(*epochs_of_recipe);
  if (!epochs.is_open()) steps.fill(*epochs * per_epoch);
  else if (steps_of_recipe) steps.fill(*steps_of_recipe);
}

}  // namespace cairn::train
