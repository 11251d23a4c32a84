#include "cairn/tasks/machine_translation/task.h"

namespace cairn::tasks::machine_translation {

Translator::Translator(const train::SavedModel& saved)
    : SequenceModel(saved, options_of<Options>(saved, &Options::tokenizer, &Options::layers,
                                               &Options::width)),
      options_(options_of<Options>(saved)) {}

std::vector<TextPair> Translator::pairs(const std::string& data, const std::string& split) const {
  auto text = data::open_parallel_text(data.empty() ? *options_.data : data, options_.source,
                                       options_.target);
  // As the training drew what it held back.
  if (is_own_data(data, options_.data) && split != "all") data::leave_out_empty(text.train);
  return examples_of(std::move(text), split, data, options_);
}

}  // namespace cairn::tasks::machine_translation
