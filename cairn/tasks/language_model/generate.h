// Writing with a network at hand; task.h has generate() for a run's folder.
#pragma once
#include <functional>

#include "cairn/io/tokenizer.h"
#include "cairn/tasks/language_model/network.h"

namespace cairn::tasks::language_model {

// Draws options.max_tokens tokens after `prompt` (at least one, for a GPT at most its context) in
// evaluation mode and shows them in whole characters as they come; with beams, when the search has
// ended. options.prompt is not read.
void write_on(Network& network, const io::Tokenizer& tokenizer, const std::vector<int64_t>& prompt,
              const GenerateOptions& options, const std::function<void(std::string_view)>& show);

}  // namespace cairn::tasks::language_model
