// The program's subcommands, one file each.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cairn/cli/command.h"

namespace cairn::cli {

void add_train(const Command& app);
void add_eval(const Command& app);
void add_generate(const Command& app);
void add_predict(const Command& app);
void add_bench(const Command& app);
void add_info(const Command& app);
void add_doctor(const Command& app);
void add_quantize(const Command& app);
void add_report(const Command& app);
void add_tour(const Command& app);

// What a command does with a run of one task.
struct TaskAction {
  std::string task;
  std::function<int()> action;
  std::vector<Option> options = {};  // those that only this task knows
};
// Runs the action of the task that made the run (or weights file) at `path`. Throws Error when none
// can, and UsageError when options of another task were given.
int dispatch(const std::string& verb, const std::string& path,
             const std::vector<TaskAction>& actions);

// While alive, with a file given, every op is timed; at the end a table goes to standard error and
// a Chrome trace to the file.
class ProfileScope {
 public:
  explicit ProfileScope(std::string trace_file);
  ~ProfileScope();
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

 private:
  std::string trace_file_;
};

// --threads, checked and applied.
void add_threads(const Command& command);

}  // namespace cairn::cli
