#include "cairn/tasks/machine_translation/task.h"

namespace cairn::tasks::machine_translation {

Translator::Translator(const train::SavedModel& saved)
    : SequenceModel(saved, options_of<Options>(saved, &Options::tokenizer, &Options::layers,
                                               &Options::width)),
      options_(options_of<Options>(saved)) {}

std::vector<TextPair> Translator::pairs(const std::string& data, const std::string& split) const {
  const std::string& from = data.empty() ? *options_.data : data;
  const auto text = data::open_parallel_text(from, options_.source, options_.target);
  const bool one_file = text.validation.empty() && text.test.empty();
  if (!data.empty() && one_file) return text.train;
  if (split == "test") {
    check(!text.test.empty(), "'{}' has no test part; name a file of pairs (data)", from);
    return text.test;
  }
  auto parts = split_of(text.train, text.validation, options_);
  return split == "validation" ? parts.validation : parts.train;
}

}  // namespace cairn::tasks::machine_translation
