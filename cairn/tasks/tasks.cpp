// The table of tasks: to add one, write its folder and name its row here (docs/adding-a-task.md).
#include "cairn/tasks/task.h"

namespace cairn::tasks {

namespace image_classification {
extern const Task kRow;
}
namespace image_gan {
extern const Task kRow;
}
namespace language_model {
extern const Task kRow;
}
namespace tabular {
extern const Task kRow;
}

const std::vector<Task>& all_tasks() {
  static const std::vector<Task> all = {image_classification::kRow, language_model::kRow,
                                        image_gan::kRow, tabular::kRow};
  return all;
}

}  // namespace cairn::tasks
