#include "cairn/tasks/language_model/generate.h"

#include <algorithm>

#include "cairn/compile/compile.h"
#include "cairn/io/tokenizer.h"
#include "cairn/io/utf8.h"
#include "cairn/models/decoder.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/train/saved_model.h"

namespace cairn::tasks::language_model {
namespace {

// Reads tokens and knows the logits of the next one.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual Tensor read(std::span<const int64_t> tokens) = 0;  // -> [1, vocab]
};

// One compiled step that carries the network's memory on, token by token.
class RecurrentReader : public Reader {
 public:
  explicit RecurrentReader(Network& network)
      : memory_(network.make_memory(1)), step_([&network, this](std::span<const Tensor> in) {
          return Tensors{select(network.logits(in[0], memory_), 1, 0)};
        }) {}
  Tensor read(std::span<const int64_t> tokens) override {
    Tensor logits;
    for (const int64_t& token : tokens) {
      const Tensor x = from_host(&token, {1, 1}, DType::i64);
      step_.call({&x, 1}, {&logits, 1});
    }
    return logits;
  }

 private:
  Tensors memory_;
  CompiledFunction step_;
};

// When the context is full, its second half is read anew from position 0.
class GptReader : public Reader {
 public:
  GptReader(const models::Gpt& gpt, int64_t context) : context_(context), decoder_(gpt) {}
  Tensor read(std::span<const int64_t> tokens) override {
    held_.insert(held_.end(), tokens.begin(), tokens.end());
    if (static_cast<int64_t>(held_.size()) <= context_) return append(tokens);
    held_.erase(held_.begin(), held_.end() - std::max<int64_t>(context_ / 2, 1));
    decoder_.restart();
    return append(held_);
  }

 private:
  Tensor append(std::span<const int64_t> tokens) {
    return decoder_(from_host(tokens.data(), {1, static_cast<int64_t>(tokens.size())}, DType::i64));
  }

  int64_t context_;
  models::Decoder decoder_;
  std::vector<int64_t> held_;  // what the decoder's caches are of
};

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

}  // namespace

void write_on(Network& network, const Architecture& a, const io::Tokenizer& tokenizer,
              const std::vector<int64_t>& prompt, const GenerateOptions& options,
              const std::function<void(std::string_view)>& show) {
  const NoGrad no_grad;
  const bool was_training = network.module().training();
  network.module().eval();
  std::unique_ptr<Reader> reader;
  if (network.gpt()) reader = std::make_unique<GptReader>(*network.gpt(), a.context);
  else reader = std::make_unique<RecurrentReader>(network);
  PhiloxStream random(options.seed);
  Writer writer(tokenizer, show);
  std::vector<int64_t> next = prompt;
  for (int64_t i = 0; i < options.max_tokens; ++i) {
    next = models::sample_tokens(reader->read(next), options.sampling, random);
    writer.write(next[0]);
  }
  writer.finish();
  network.module().train(was_training);
}

void generate(const std::string& run, const GenerateOptions& options,
              const std::function<void(std::string_view)>& show) {
  models::check_sampling(options.sampling);
  if (options.max_tokens < 0)
    throw UsageError(fmt::format("--max-tokens: {} is negative", options.max_tokens));
  const auto saved = train::open_saved_model(run, kTask);
  Architecture a;
  std::shared_ptr<const io::Tokenizer> tokenizer;
  train::read_config(saved.config, run, [&](const Json& c) {
    a = architecture_from(c);
    tokenizer = io::parse_tokenizer(c.at("tokenizer").dump(), run);
  });
  const std::vector<int64_t> prompt = prompt_tokens(*tokenizer, options.prompt, a);
  Network network(a);
  train::load_weights(saved, network.module());
  write_on(network, a, *tokenizer, prompt, options, show);
}

}  // namespace cairn::tasks::language_model
