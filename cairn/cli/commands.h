// The program's subcommands, one file each.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cairn/cli/command.h"
#include "cairn/train/options.h"

namespace cairn::cli {

// One task's options are many: those that the arguments name get theirs, without arguments all do.
void add_train(const Command& app, const std::vector<std::string>& arguments);
// eval, predict, generate, ...: the verbs of all tasks; the one that the arguments call gets the
// options of its run's task.
void add_verbs(const Command& app, const std::vector<std::string>& arguments);
void add_bench(const Command& app);
void add_info(const Command& app);
void add_doctor(const Command& app);
void add_report(const Command& app);
void add_tour(const Command& app);
void add_sample(const Command& app);
void add_tokenizer(const Command& app);
void add_embed(const Command& app);
void add_compare(const Command& app);
void add_convert(const Command& app);
void add_runs(const Command& app);
void add_ngram(const Command& app);
void add_stylize(const Command& app);
void add_serve(const Command& app);

void add_export(const Command& app);
void add_explain(const Command& app);
void add_shell(const Command& app);  // completion, man

// All of the above; `arguments`: those that the program was called with.
void describe_program(const Command& app, const std::vector<std::string>& arguments);
inline constexpr const char* kAbout =
    "Cairn trains, evaluates, explains and ships neural networks.\n\n"
    "  cairn train image-classification --out runs/digits\n"
    "  cairn eval runs/digits\n"
    "  cairn predict runs/digits picture.png\n";

// `cairn train --resume RUN`: the run says which task it is of.
void name_task_of_resumed(std::vector<std::string>& arguments);

// All options of a task or verb; `options` must live until the action has run.
void add_options(const Command& command, train::OptionSet& options);

// While alive, with a file given, every op is timed; at the end a table goes to standard error and
// a Chrome trace to the file. Throws Error when the file cannot be written: at once where that can
// be known, else by write().
class ProfileScope {
 public:
  explicit ProfileScope(std::string trace_file);
  ~ProfileScope();  // writes what was timed before an error
  void write();
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

 private:
  std::string trace_file_;
};

// --threads, checked and applied.
void add_threads(const Command& command);

}  // namespace cairn::cli
