#include "cairn/train/run_options.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "cairn/base/parallel.h"
#include "cairn/data/files.h"
#include "cairn/data/inventory.h"
#include "cairn/io/file.h"
#include "cairn/io/utf8.h"
#include "cairn/train/ranks.h"

namespace cairn::train {
namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr size_t kMostDifferences = 5;  // that are named

using Numbers = std::vector<int64_t>;

Numbers numbers_of(const data::Inventory& i) {
  return {i.files, i.bytes, static_cast<int64_t>(i.fingerprint)};
}

std::string difference(const std::string& source, const Numbers& then, const Numbers& now) {
  if (then.size() != now.size() || then == now) return "";
  const std::string place = io::printable(source);
  const auto sizes = [](const Numbers& n) {
    return fmt::format("{} file{} of {} bytes", n[0], n[0] == 1 ? "" : "s", n[1]);
  };
  if (sizes(then) != sizes(now))
    return fmt::format("'{}' holds {} now, {} when the run began", place, sizes(now), sizes(then));
  return fmt::format(
      "'{}' holds as many files and bytes as when the run began, but others: names, "
      "sizes or contents have changed",
      place);
}

void check_there(const std::string& source) {
  check(data::is_file(source) || data::is_folder(source),
        "'{}' is not there any more, from which the run learned; if it lies elsewhere now, say "
        "where with the option data",
        io::printable(source));
}

}  // namespace

std::string changed_files(const Json& config) {
  const auto kept = config.find("data_files");
  if (kept == config.end()) return "";
  Numbers then;
  for (const Json& number : *kept)
    if (number.is_number_integer()) then.push_back(number.get<int64_t>());
  const std::string source = data_of(config);
  check_there(source);
  return difference(source, then, numbers_of(*data::inventory_of(source)));
}

namespace {

// The run that is to go on, which rank 0 holds.
RunFolder opened(const std::string& task, const std::string& path) {
  if (!dist::leads()) {
    const Json config = of_leader(Json());
    const std::string found = config.value("task", "");
    check(found == task,
          "rank 0 goes on with '{}', a run of task '{}', and this rank trains '{}'; "
          "start all ranks with the same options",
          path, found, task);
    return RunFolder::scratch(config);
  }
  RunFolder run = RunFolder::open(path, task);
  run.wants_training("resume");
  run.lock();
  of_leader(run.config());
  return run;
}

}  // namespace

void choose_run(const std::string& task, RunOptions& o) {
  o.validate();
  if (!dist::leads()) o.quiet = true;
  if (o.resume) {
    if (o.out->empty())
      throw InvalidOption("resume", "say which run: cairn train --resume DIR, or out = DIR");
    const RunFolder run = opened(task, o.out);
    o.changed = o.continue_from(run.config(), *o.out + "/config.json");
    o.resumed = run;
    if (!o.data_files.is_open()) check_there(data_of(o.to_json()));
    return;
  }
  o.expect_all_to_count();
  if (!o.out->empty() && dist::leads()) RunFolder::refuse_held(o.out);
}

namespace {

void keep_files(const RunOptions& o, Json& config) {
  const std::string source = config.value("data", "");
  const auto now = data::inventory_of(source);
  config.erase("data_files");  // at one place in it, whether the run begins or goes on
  if (!now) return;
  config["data_files"] = numbers_of(*now);
  const std::string other =
      o.data_files.is_open() ? "" : difference(source, o.data_files, numbers_of(*now));
  if (!other.empty()) fmt::print(stderr, "cairn: {}\n", other);
}

RunFolder made(const std::string& task, const RunOptions& o, const Json& config) {
  if (!dist::leads()) return RunFolder::scratch(config);
  return o.out->empty() ? RunFolder::create_numbered(task, config)
                        : RunFolder::create(o.out, config);
}

}  // namespace

RunFolder begin_run(const std::string& task, const RunOptions& o) {
  o.validate();
  if (!o.resume) o.expect_all_to_count();  // where the data chose the model
  Json config = {{"task", task}, {"format", kConfigFormat}};
  config.update(o.to_json());
  config["threads"] = num_threads();
  std::error_code gone;
  const auto folder = std::filesystem::current_path(gone).string();
  if (!gone) config["folder"] = folder;  // where its relative paths hold
  keep_files(o, config);
  compare_ranks(config);
  dist::synchronise_statistics(o.batch_norm == "synchronised");
  if (!o.resume) return made(task, o, config);
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

namespace {

// "12 boxes of 'cat'" -> {"boxes of 'cat'", "12"}
std::map<std::string, std::string> by_name(const std::vector<std::string>& counts) {
  std::map<std::string, std::string> named;
  for (const std::string& count : counts) {
    const size_t end = std::min(count.find(' '), count.size());
    named[count.substr(std::min(end + 1, count.size()))] = count.substr(0, end);
  }
  return named;
}

}  // namespace

void note_counts(RunOptions& o, const Counts& counts) {
  std::vector<std::string> now, different;
  for (const auto& [what, count] : counts) now.push_back(fmt::format("{} {}", count, what));
  auto before = by_name(o.data_counts.is_open() ? now : *o.data_counts), after = by_name(now);
  for (const auto& [what, count] : before) after.try_emplace(what, "0");
  for (const auto& [what, count] : after)
    if (const std::string& then = before.try_emplace(what, "0").first->second; then != count)
      different.push_back(fmt::format("{} {} now, {} then", count, io::printable(what), then));
  if (different.size() > kMostDifferences) {
    const size_t more = different.size() - kMostDifferences;
    different.resize(kMostDifferences);
    different.push_back(fmt::format("and {} more differences", more));
  }
  if (!different.empty())
    fmt::print(stderr, "cairn: the data are others than when the run began: {}\n",
               fmt::join(different, "; "));
  o.data_counts.leave_open(), o.data_counts.fill(now);
}

void say_left_out(const std::string& source, const std::string& left_out) {
  if (!left_out.empty()) fmt::print(stderr, "cairn: '{}': {}\n", io::printable(source), left_out);
}

}  // namespace cairn::train
