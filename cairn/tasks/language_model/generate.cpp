#include <algorithm>

#include "cairn/ops/context.h"
#include "cairn/tasks/language_model/task.h"
#include "cairn/text/beam_search.h"
#include "cairn/text/shown.h"

namespace cairn::tasks::language_model {
namespace {

std::vector<int64_t> prompt_tokens(const text::Tokenizer& tokenizer, const std::string& prompt,
                                   const Options& o) {
  if (prompt.empty()) throw InvalidOption("prompt", "is empty; give at least one character");
  std::vector<int64_t> tokens = tokenizer.encode(prompt, "the prompt");
  check(o.is_recurrent() || static_cast<int64_t>(tokens.size()) <= o.context,
        "the prompt has {} tokens, the model's context {}; give a shorter prompt", tokens.size(),
        *o.context);
  return tokens;
}

// What a text begins after: a new line, or what comes nearest to it in a text that had none.
std::vector<int64_t> beginning(const text::Tokenizer& tokenizer) {
  for (const char* blank : {"\n", "\r", " "}) try {
      return tokenizer.encode(blank, "");
    } catch (const Error&) {}  // it never occurred
  return {0};
}

void check_together(const GenerateOptions& o) {
  o.validate();
  if (o.beams.is_open()) return;
  for (const train::AnyOption* drawing : {static_cast<const train::AnyOption*>(&o.temperature),
                                          static_cast<const train::AnyOption*>(&o.top_k),
                                          static_cast<const train::AnyOption*>(&o.top_p)})
    if (drawing->given())
      throw InvalidOption(drawing->name(),
                          "beams search for the most likely text and draw nothing; "
                          "leave out one of both");
}

// The most likely text that the search finds; nothing is certain before its end.
void write_best(text::Reader& reader, const std::vector<int64_t>& prompt,
                const GenerateOptions& options, text::Shown& shown) {
  const auto found =
      text::beam_search(reader, prompt, {.beams = options.beams, .max_tokens = options.max_tokens});
  check(!found[0].empty(),
        "beam search: no token has a finite probability; the weights are damaged");
  for (const int64_t token : found[0][0].tokens) shown.write(token);
}

void write_drawn(text::Reader& reader, const std::vector<int64_t>& prompt,
                 const GenerateOptions& options, text::Shown& shown) {
  const text::SamplingOptions sampling{options.temperature, options.top_k, options.top_p};
  PhiloxStream random(options.seed);
  std::vector<int64_t> next = prompt;
  for (int64_t i = 0; i < options.max_tokens; ++i) {
    next = text::sample_tokens(reader.read(next), sampling, random);
    shown.write(next[0]);
  }
}

}  // namespace

void write_on(models::LanguageModel& network, text::Reader& reader,
              const text::Tokenizer& tokenizer, const std::vector<int64_t>& prompt,
              const GenerateOptions& options, const std::function<void(std::string_view)>& show) {
  const NoGrad no_grad;
  const bool was_training = network.module().training();
  network.module().eval();
  reader.restart();
  text::Shown shown(tokenizer, show);
  if (options.beams > 0) write_best(reader, prompt, options, shown);
  else write_drawn(reader, prompt, options, shown);
  shown.finish();
  network.module().train(was_training);
}

void Writer::generate(const GenerateOptions& o, const std::function<void(std::string_view)>& show) {
  check_together(o);
  if (!o.quantize.is_open() && options_.is_recurrent())
    throw InvalidOption("quantize", fmt::format("'{}' holds a network of kind {}, whose weights "
                                                "are not in linear layers; it is for gpt",
                                                path(), *options_.model));
  const auto prompt =
      o.prompt.is_open() ? beginning(*tokenizer_) : prompt_tokens(*tokenizer_, o.prompt, options_);
  if (o.quantize.is_open())
    return write_on(network_, *network_.reader(), *tokenizer_, prompt, o, show);
  models::LanguageModel small(options_.size());  // the opened one keeps its weights
  train::load_weights(saved(), small.module());
  nn::quantize_int8(small.module());
  write_on(small, *small.reader(), *tokenizer_, prompt, o, show);
}

}  // namespace cairn::tasks::language_model
