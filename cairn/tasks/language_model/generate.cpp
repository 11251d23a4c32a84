#include "cairn/tasks/language_model/generate.h"

#include <algorithm>

#include "cairn/io/tokenizer.h"
#include "cairn/io/utf8.h"
#include "cairn/models/beam_search.h"
#include "cairn/ops/context.h"
#include "cairn/train/saved_model.h"

namespace cairn::tasks::language_model {
namespace {

// Shows text as soon as its characters are whole.
class Writer {
 public:
  Writer(const io::Tokenizer& tokenizer, const std::function<void(std::string_view)>& show)
      : tokenizer_(tokenizer), show_(show) {}
  void write(int64_t token) {
    pending_ += tokenizer_.decode({static_cast<int>(token)});
    // Bytes that can be no character are shown as they are.
    const size_t whole = pending_.size() > 3 ? pending_.size() : io::complete_utf8_prefix(pending_);
    if (whole == 0) return;
    show_(std::string_view(pending_).substr(0, whole));
    pending_.erase(0, whole);
  }
  void finish() {
    if (!pending_.empty()) show_(pending_);
  }

 private:
  const io::Tokenizer& tokenizer_;
  const std::function<void(std::string_view)>& show_;
  std::string pending_;
};

std::vector<int64_t> prompt_tokens(const io::Tokenizer& tokenizer, const std::string& prompt,
                                   const Architecture& a) {
  if (prompt.empty()) throw UsageError("--prompt: is empty; give at least one character");
  const std::vector<int> numbers = tokenizer.encode(prompt, "the prompt");
  const auto count = static_cast<int64_t>(numbers.size());
  check(is_recurrent(a.model) || count <= a.context,
        "the prompt has {} tokens, the model's context {}; give a shorter prompt", count,
        a.context);
  return {numbers.begin(), numbers.end()};
}

// The most likely text that the search finds; nothing is certain before its end.
void write_best(models::Reader& reader, const std::vector<int64_t>& prompt,
                const GenerateOptions& options, Writer& writer) {
  const auto found = models::beam_search(
      reader, prompt, {.beams = options.beams, .max_tokens = options.max_tokens});
  check(!found[0].empty(),
        "beam search: no token has a finite probability; the weights are damaged");
  for (const int64_t token : found[0][0].tokens) writer.write(token);
}

void write_drawn(models::Reader& reader, const std::vector<int64_t>& prompt,
                 const GenerateOptions& options, Writer& writer) {
  PhiloxStream random(options.seed);
  std::vector<int64_t> next = prompt;
  for (int64_t i = 0; i < options.max_tokens; ++i) {
    next = models::sample_tokens(reader.read(next), options.sampling, random);
    writer.write(next[0]);
  }
}

}  // namespace

void write_on(Network& network, const io::Tokenizer& tokenizer, const std::vector<int64_t>& prompt,
              const GenerateOptions& options, const std::function<void(std::string_view)>& show) {
  const NoGrad no_grad;
  const bool was_training = network.module().training();
  network.module().eval();
  const auto reader = network.reader();
  Writer writer(tokenizer, show);
  if (options.beams) write_best(*reader, prompt, options, writer);
  else write_drawn(*reader, prompt, options, writer);
  writer.finish();
  network.module().train(was_training);
}

void generate(const std::string& run, const GenerateOptions& options,
              const std::function<void(std::string_view)>& show) {
  models::check_sampling(options.sampling);
  if (options.max_tokens < 0)
    throw UsageError(fmt::format("--max-tokens: {} is negative", options.max_tokens));
  if (options.beams < 0) throw UsageError(fmt::format("--beams: {} is negative", options.beams));
  const auto saved = train::open_saved_model(run, kTask);
  Architecture a;
  std::shared_ptr<const io::Tokenizer> tokenizer;
  train::read_config(saved.config, run, [&](const Json& c) {
    a = architecture_from(c);
    tokenizer = io::parse_tokenizer(c.at("tokenizer").dump(), run);
  });
  if (options.int8 && is_recurrent(a.model))
    throw UsageError(
        fmt::format("--quantize: '{}' holds a network of kind {}, whose weights are not in linear "
                    "layers; it is "
                    "for gpt",
                    run, a.model));
  const std::vector<int64_t> prompt = prompt_tokens(*tokenizer, options.prompt, a);
  Network network(a);
  train::load_weights(saved, network.module());
  if (options.int8) nn::quantize_int8(network.module());
  write_on(network, *tokenizer, prompt, options, show);
}

}  // namespace cairn::tasks::language_model
