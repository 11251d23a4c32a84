#include "cairn/tasks/machine_translation/task.h"

namespace cairn::tasks::machine_translation {

Json train(Options o) {
  train::choose_run(kTask, o);
  take_network_of_run(kTask, o, o.model);
  const data::ParallelText text = data::open_parallel_text(o.data, o.source, o.target);
  o.fill_usual();
  return train_on(kTask, o, split_of(text.train, text.validation, o),
                  fmt::format("{} left out for an empty side", text.left_out));
}

}  // namespace cairn::tasks::machine_translation
