#include "cairn/tasks/language_model/task.h"

namespace cairn::tasks::language_model {
namespace {

std::vector<int64_t> prompt_tokens(const text::Tokenizer& tokenizer, const std::string& prompt,
                                   const Options& o) {
  if (prompt.empty()) throw InvalidOption("prompt", "is empty; give at least one character");
  std::vector<int64_t> tokens = tokenizer.encode(prompt, "the prompt");
  if (tokens.empty()) throw InvalidOption("prompt", "has no token of this model's");
  check(o.is_recurrent() || static_cast<int64_t>(tokens.size()) <= o.context,
        "the prompt has {} tokens, the model's context {}; give a shorter prompt", tokens.size(),
        *o.context);
  return tokens;
}

}  // namespace

void Writer::generate(const GenerateOptions& o, const Show& show) {
  o.check_together();
  if (options_.is_recurrent())
    o.quantize.require(o.quantize.is_open(),
                       "'{}' holds a network of kind {}, whose weights are not in linear layers; "
                       "it is for gpt",
                       path(), *options_.model);
  const auto prompt =
      o.prompt.is_open() ? beginning(*tokenizer_) : prompt_tokens(*tokenizer_, o.prompt, options_);
  if (o.quantize.is_open()) return write_on(*network_.reader(), *tokenizer_, prompt, o, show);
  models::LanguageModel small(options_.size());  // the opened one keeps its weights
  train::load_weights(saved(), small.module());
  nn::quantize_int8(small.module());
  small.module().eval();
  write_on(*small.reader(), *tokenizer_, prompt, o, show);
}

}  // namespace cairn::tasks::language_model
