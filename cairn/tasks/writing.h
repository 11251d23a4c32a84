// Verbs that write a text token by token: options, and the writing itself.
#pragma once
#include <functional>
#include <string_view>

#include "cairn/tasks/task.h"
#include "cairn/text/reader.h"
#include "cairn/text/tokenizer.h"

namespace cairn::tasks {

struct WritingOptions : train::OptionSet {
  train::Option<int64_t> max_tokens{this, "max_tokens", 500, train::whole(1, INT64_MAX),
                                    "How many tokens to write"};
  train::Option<double> temperature{this, "temperature", 1, train::between(0, 1e9),
                                    "Below 1: more likely text; 0: always the most likely token"};
  train::Option<int64_t> top_k{this, "top_k", 0, train::whole(0, INT64_MAX),
                               "Choose among the k most likely (0: all)"};
  train::Option<double> top_p{this,
                              "top_p",
                              1,
                              {.least = 0, .most = 1, .above = true},
                              "Choose among the fewest that have this probability together"};
  train::Option<uint64_t> seed{this, "seed", 0, train::whole(0, INT64_MAX),
                               "The same seed writes the same"};
  train::Option<int64_t> beams{this, "beams", train::Open{"draws"}, train::whole(1, 1000),
                               "Do not draw: search for the most likely text with so many in view "
                               "(it is shown at the end)"};

  // Throws InvalidOption for a value out of range, and for beams beside what draws.
  void check_together() const;
};

using Show = std::function<void(std::string_view)>;
// Writes max_tokens tokens after `prompt` (one at least) and shows them in whole characters as they
// come; with beams, when the search has ended. The network behind the reader is in evaluation mode;
// the reader may have read other texts before: it begins anew.
void write_on(text::Reader& reader, const text::Tokenizer& tokenizer,
              const std::vector<int64_t>& prompt, const WritingOptions& options, const Show& show);

// What a text begins after: a new line, or what comes nearest to it in a text that had none.
std::vector<int64_t> beginning(const text::Tokenizer& tokenizer);

// On standard output at once; a terminal gets none of the control characters that a text may have
// taught.
void show_at_once(std::string_view piece);

}  // namespace cairn::tasks
