// The program's subcommands, one file each.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cairn::cli {

// Adds the subcommand; the chosen one's action runs after parsing and returns the exit status.
using Action = std::function<int()>;
void add_train(CLI::App& app, Action& action);
void add_eval(CLI::App& app, Action& action);
void add_generate(CLI::App& app, Action& action);
void add_predict(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_info(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);

// What a command does with a run of one task.
struct TaskAction {
  std::string task;
  std::function<int()> action;
  std::vector<const CLI::Option*> options = {};  // those that only this task knows
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
void add_threads(CLI::App* command);

// What an option accepts; the messages say what was given and what is wanted.
CLI::Validator whole_number(int64_t low, int64_t high);
CLI::Validator positive_number();  // finite and above 0

}  // namespace cairn::cli
