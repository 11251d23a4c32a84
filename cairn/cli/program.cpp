#include <algorithm>

#include "cairn/cli/commands.h"
#include "cairn/tasks/task.h"

namespace cairn::cli {
namespace {

// In the order of the help; add_shell adds "completion", too.
struct Row {
  const char* name;
  void (*add)(const Command& app);
};
constexpr Row kRows[] = {
    {"bench", add_bench},   {"info", add_info},       {"doctor", add_doctor},
    {"report", add_report}, {"tour", add_tour},       {"explain", add_explain},
    {"sample", add_sample}, {"export", add_export},   {"compare", add_compare},
    {"runs", add_runs},     {"convert", add_convert}, {"tokenizer", add_tokenizer},
    {"embed", add_embed},   {"ngram", add_ngram},     {"stylize", add_stylize},
    {"serve", add_serve},   {"man", add_shell}};

bool is_verb(const std::string& name) {
  return std::ranges::any_of(tasks::all_tasks(), [&](const tasks::Task& task) {
    return tasks::find_verb(task, name) != nullptr;
  });
}

}  // namespace

// Of a command that is called the others need not be known: they cost a small training's start time
// and memory.
void describe_program(const Command& app, const std::vector<std::string>& arguments) {
  const std::string called = arguments.empty() ? "" : arguments[0];
  for (const Row& row : kRows)
    if (called == row.name) return row.add(app);
  if (called == "completion") return add_shell(app);
  if (called == "train") return add_train(app, arguments);
  if (is_verb(called)) return add_verbs(app, arguments);
  add_train(app, arguments);
  add_verbs(app, arguments);
  for (const Row& row : kRows) row.add(app);
}

}  // namespace cairn::cli
