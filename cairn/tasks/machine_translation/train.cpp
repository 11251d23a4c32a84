#include "cairn/tasks/machine_translation/task.h"

namespace cairn::tasks::machine_translation {

Json train(Options o) {
  train::choose_run(kTask, o);
  take_network_of_run(kTask, o, o.model);
  data::ParallelText text = data::open_parallel_text(o.data, o.source, o.target);
  const int64_t empty = data::leave_out_empty(text.train);
  o.fill_usual();
  return train_on(kTask, o, split_of(std::move(text.train), std::move(text.validation), o),
                  fmt::format("{} left out for an empty side", empty));
}

}  // namespace cairn::tasks::machine_translation
