#include "cairn/cli/commands.h"
#include "cairn/train/saved_model.h"

namespace cairn::cli {
namespace {

void refuse_given(const std::vector<Option>& options, const std::string& path,
                  const std::string& task) {
  for (const Option& option : options)
    if (option.given())
      throw UsageError(
          fmt::format("{}: is no option for '{}', a run of task '{}'", option.name(), path, task));
}

}  // namespace

int dispatch(const std::string& verb, const std::string& path,
             const std::vector<TaskAction>& actions) {
  const std::string task = train::open_saved_model(path).task();
  std::string known;
  const TaskAction* chosen = nullptr;
  for (const TaskAction& a : actions) {
    known += (known.empty() ? "" : ", ") + a.task;
    if (a.task == task) chosen = &a;
  }
  if (!chosen)
    fail("{}: is a run of task '{}', which 'cairn {}' cannot use; it takes runs of: {}", path, task,
         verb, known);
  for (const TaskAction& a : actions)
    if (&a != chosen) refuse_given(a.options, path, task);
  return chosen->action();
}

}  // namespace cairn::cli
