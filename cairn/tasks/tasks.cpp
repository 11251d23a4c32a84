// The rows that table.h names.
#include "cairn/tasks/task.h"

namespace cairn::tasks {

const std::vector<Task>& all_tasks() {
#define CAIRN_ROW(task) task::kRow,
  static const std::vector<Task> all = {CAIRN_TASKS(CAIRN_ROW)};
#undef CAIRN_ROW
  return all;
}

}  // namespace cairn::tasks
