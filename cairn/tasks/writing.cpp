#include "cairn/tasks/writing.h"

#include <unistd.h>

#include <cstdio>

#include "cairn/base/philox.h"
#include "cairn/io/utf8.h"
#include "cairn/ops/context.h"
#include "cairn/text/beam_search.h"
#include "cairn/text/sampling.h"
#include "cairn/text/shown.h"

namespace cairn::tasks {
namespace {

// The most likely text that the search finds; nothing is certain before its end.
void write_best(text::Reader& reader, const std::vector<int64_t>& prompt,
                const WritingOptions& options, text::Shown& shown) {
  const auto found =
      text::beam_search(reader, prompt, {.beams = options.beams, .max_tokens = options.max_tokens});
  check(!found[0].empty(),
        "beam search: no token has a finite probability; the weights are damaged");
  for (const int64_t token : found[0][0].tokens) shown.write(token);
}

void write_drawn(text::Reader& reader, const std::vector<int64_t>& prompt,
                 const WritingOptions& options, text::Shown& shown) {
  const text::SamplingOptions sampling{options.temperature, options.top_k, options.top_p};
  PhiloxStream random(options.seed);
  std::vector<int64_t> next = prompt;
  for (int64_t i = 0; i < options.max_tokens; ++i) {
    next = text::sample_tokens(reader.read(next), sampling, random);
    shown.write(next[0]);
  }
}

}  // namespace

void WritingOptions::check_together() const {
  validate();
  if (beams.is_open()) return;
  for (const train::AnyOption* drawing :
       std::initializer_list<const train::AnyOption*>{&temperature, &top_k, &top_p})
    drawing->require(!drawing->given(),
                     "beams search for the most likely text and draw nothing; "
                     "leave out one of both");
}

void write_on(text::Reader& reader, const text::Tokenizer& tokenizer,
              const std::vector<int64_t>& prompt, const WritingOptions& options, const Show& show) {
  const NoGrad no_grad;
  reader.restart();
  text::Shown shown(tokenizer, show);
  if (options.beams > 0) write_best(reader, prompt, options, shown);
  else write_drawn(reader, prompt, options, shown);
  shown.finish();
}

std::vector<int64_t> beginning(const text::Tokenizer& tokenizer) {
  for (const char* blank : {"\n", "\r", " "}) try {
      const auto tokens = tokenizer.encode(blank, "");
      if (!tokens.empty()) return tokens;  // pieces of words have none for white space
    } catch (const Error&) {}              // it never occurred
  return {0};
}

void show_at_once(std::string_view piece) {
  static const bool terminal = isatty(STDOUT_FILENO);
  const std::string shown = terminal ? io::with_control_pictures(piece) : std::string(piece);
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  std::fflush(stdout);
}

}  // namespace cairn::tasks
