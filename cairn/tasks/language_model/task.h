// Language models: learn a text token by token, measure how well another is predicted, write on.
#pragma once
#include <map>

#include "cairn/compile/compile.h"
#include "cairn/models/language_model.h"
#include "cairn/tasks/texts.h"
#include "cairn/tasks/writing.h"

namespace cairn::tasks::language_model {

using train::ByModel, train::Open, train::Option, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "language-model";

struct Options : TextOptions {
  Options() {
    lr.usual({{"gpt", 3e-3}, {"", 2e-3}}), weight_decay.usual({{"gpt", 0.1}, {"", 0.01}});
    betas.usual({{0.9, 0.99}}), clip.usual(1);
    batch.says("gpt 8, others 32; fewer for a short text");
    steps.says("gpt 12 passes over the text, others 10; at most 50000");
  }
  Option<std::string> model{this, "model", "gpt", one_of({"rnn", "lstm", "gru", "gpt"}),
                            "Network (with --init of a GPT-2, as Hugging Face writes it: "
                            "gpt of its sizes)"};
  Option<int64_t> layers{this, "layers", ByModel<int64_t>{{"gpt", 4}, {"", 2}}, whole(1, 1000),
                         "Layers"};
  Option<int64_t> width{this, "width", ByModel<int64_t>{{"gpt", 192}, {"", 512}}, whole(1, 1 << 20),
                        "Features of a token"};
  Option<int64_t> heads{this, "heads", Open{"one for 64 features"}, whole(1, 1 << 20),
                        "Attention heads, gpt only"};
  Option<int64_t> context{this, "context", ByModel<int64_t>{{"gpt", 256}, {"", 64}},
                          whole(1, 1 << 20),
                          "Tokens of a window: what a gpt sees, how far back the others learn"};
  Option<double> dropout{this, "dropout", ByModel<double>{{"gpt", 0.1}, {"", 0.3}},
                         between(0, 0.99), "Part of the features that is dropped"};

  Option<std::string> positions{this, "positions"};  // a fact: "learned" as a GPT-2's, or rotary

  bool is_recurrent() const { return !(model == "gpt"); }
  models::LanguageModelSize size() const {
    return {model, vocab,   width,   layers,
            heads, context, dropout, !positions.is_open() && positions == "learned"};
  }
};

// Throws InvalidOption; sizes that are open are passed over.
void check_sizes(const Options& options);

// Learns the first part of the text and returns {task, split, examples, loss, perplexity,
// bits_per_char, run, ...} of the last part. Throws train::Stopped on a signal.
Json train(Options options);

struct Measured {
  double loss = 0;  // nats a token
  int64_t tokens = 0;
};
// Measures a network on texts; compiled once for each number of streams, used again and again.
class Meter {
 public:
  Meter(models::LanguageModel& network, bool recurrent, int64_t context)
      : network_(network), recurrent_(recurrent), context_(context) {}
  // The mean loss over all tokens but the first, in evaluation mode. A recurrent network reads the
  // text in up to 16 streams side by side, each from its beginning to its end with the memory
  // carried on. A GPT sees windows of its context that overlap by half: each token is predicted
  // from at least half a context (the first ones from what there is).
  Measured measure(std::span<const int64_t> tokens);

 private:
  struct Streams {
    Tensors memory;
    CompiledFunction loss;
  };
  Streams& streams_of(int64_t rows);

  models::LanguageModel& network_;
  bool recurrent_;
  int64_t context_;
  std::map<int64_t, Streams> by_rows_;
};

// {loss, perplexity, bits_per_char, perplexity_per_char, perplexity_per_word} in this order, of
// tokens whose text has this size; the first one is read and not predicted. Where tokens are words
// also unknown_part: <unk> is easy to predict, so that models look better the more there are.
Json describe(const Measured& m, data::TextSize size, const text::Tokenizer& tokenizer,
              std::span<const int64_t> tokens);

struct GenerateOptions : WritingOptions {
  Option<std::string> prompt{this, "prompt", Open{"a new line"},
                             "Text to go on from; it is not repeated"};
  Option<std::string> quantize{this, "quantize", Open{"not"}, one_of({"int8"}),
                               "int8: 8-bit weights, a quarter of the memory to read (gpt)"};
};

// A trained network with its tokens.
class Writer : public Model {
 public:
  explicit Writer(const train::SavedModel& saved);
  // `path`: a run folder, or the model.safetensors of one.
  explicit Writer(const std::string& path) : Writer(train::open_saved_model(path, kTask)) {}

  nn::Module& network() override { return network_.module(); }
  std::vector<Tensor> inputs(int64_t examples) override;  // token ids [8, context]
  std::vector<Port> takes() override;  // token ids [N, T]; the memory of a recurrent network
  std::vector<std::string> gives() const override;
  Tensors forward(std::span<const Tensor> in) override { return network_.run(in); }
  Tensors read(const std::string& file) override;
  pretrained::FolderContent folder() override;  // of a GPT
  const Options& options() const { return options_; }
  models::LanguageModel& net() { return network_; }
  const text::Tokenizer& tokenizer() const { return *tokenizer_; }

  // The text of the training ("") or another, cut as it was for the training.
  data::TextTokens open(const std::string& source, double validation_part) const;
  data::TextTokens open_own() const { return open("", options_.val_split); }
  // {task, split, examples, loss, perplexity, bits_per_char}; split: train, validation or all.
  Json evaluate(const std::string& source, const std::string& split);
  // Writes on from the prompt. `show` gets the new text as it comes, in whole characters. Throws
  // Error when the prompt has characters that the model never saw, or is longer than its context.
  void generate(const GenerateOptions& options, const Show& show);

 private:
  Options options_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  models::LanguageModel network_;
  Meter meter_;
};

// Curves, what it wrote while it learned, which characters surprise it, what its memory cells or
// attention heads look at.
void report(train::report::Page& page, Writer& writer, const train::report::Lines& log);

}  // namespace cairn::tasks::language_model
