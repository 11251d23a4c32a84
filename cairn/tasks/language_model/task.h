// Language models: learn a text, or music, token by token, measure how well another is predicted,
// write on.
#pragma once
#include <map>

#include "cairn/compile/compile.h"
#include "cairn/models/language_model.h"
#include "cairn/models/roll_model.h"
#include "cairn/music/rolls.h"
#include "cairn/tasks/texts.h"
#include "cairn/tasks/writing.h"
#include "cairn/text/sampling.h"
#include "cairn/text/windows.h"

namespace cairn::tasks::language_model {

using train::ByModel, train::Open, train::Option, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "language-model";

struct Options : TextOptions {
  Options() {
    lr.usual({{"gpt", 3e-3}, {"", 2e-3}}), weight_decay.usual({{"gpt", 0.1}, {"", 0.01}});
    betas.usual({{0.9, 0.99}}), clip.usual(1);
    heads.only_with({"gpt"});
    batch.says("gpt 8, others 32; fewer for a short text; of music 16 pieces");
    steps.says("gpt 12 passes over the text, others 10; at most 50000; of music 3000");
  }
  Option<std::string> model{this, "model", "gpt", one_of({"rnn", "lstm", "gru", "gpt"}),
                            "Network (with --init of a GPT-2, as Hugging Face writes it: "
                            "gpt of its sizes)"};
  Option<int64_t> layers{this, "layers", ByModel<int64_t>{{"gpt", 4}, {"", 2}}, whole(1, 1000),
                         "Layers"};
  Option<int64_t> width{this, "width", ByModel<int64_t>{{"gpt", 192}, {"", 512}}, whole(1, 1 << 20),
                        "Features of a token"};
  Option<int64_t> heads{this, "heads", Open{"one for 64 features"}, whole(1, 1 << 20),
                        "Attention heads"};
  Option<int64_t> context{this, "context", ByModel<int64_t>{{"gpt", 256}, {"", 64}},
                          whole(1, 1 << 20),
                          "Tokens of a window: what a gpt sees, how far back the others learn (of "
                          "music usually 512 tokens or 256 steps)"};
  Option<double> dropout{this, "dropout", ByModel<double>{{"gpt", 0.1}, {"", 0.3}},
                         between(0, 0.99),
                         "Part of the features that is dropped (of music usually 0.2 and 0.4)"};
  Option<int64_t> grid{this, "grid", Open{"4; of JSON rolls by their name"}, whole(1, 96),
                       "Of music: steps of a quarter"};
  Option<int64_t> transpose{this, "transpose", 6, whole(0, 24),
                            "Of music: pieces are moved by up to so many semitones"};

  Option<std::string> positions{this, "positions"};  // a fact: "learned" as a GPT-2's, or rotary

  bool is_recurrent() const { return !(model == "gpt"); }
  bool is_music() const { return is_rolls() || tokens == "notes"; }
  bool is_rolls() const { return tokens == "pianoroll"; }
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
  double sum_of(Streams& streams, const text::MeasuredPiece& piece, int64_t first, int64_t count);
  double sum_of_windows(const std::vector<text::MeasuredPiece>& pieces);
  double sum_of_streams(const std::vector<text::MeasuredPiece>& pieces);

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
  Option<std::string> out{this, "out", Open{"the screen"},
                          "File to write the text to; of music a MIDI file, which is needed"};
  Option<std::string> wav{this, "wav", Open{"none"}, "Of music: a WAV file of its sound"};
  Option<int64_t> steps{this, "steps", Open{"64 quarters"}, whole(1, 100'000),
                        "Of music: steps to write"};
};
struct TextEvalOptions : EvalOptions {
  Option<std::string> split{this, "split", Open{"validation; of music test; of another text all"},
                            one_of({"train", "validation", "test", "all"}), "Part of the text"};
};

// A trained network, of text or of music, for all that is done with one.
class Learned : public Model {
 public:
  using Model::Model;
  virtual Json measured(const TextEvalOptions& options) = 0;
  virtual int write(const GenerateOptions& options) = 0;  // returns the exit status
  virtual void explain(train::report::Page& page, const train::report::Lines& log) = 0;
};

// A trained network with its tokens.
class Writer : public Learned {
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
  std::vector<std::string> names(const Tensors& in) const override;
  std::optional<Writes> writes() override;
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

  Json measured(const TextEvalOptions& options) override;
  int write(const GenerateOptions& options) override;
  // Curves, what it wrote while it learned, which characters surprise it, what its memory cells or
  // attention heads look at.
  void explain(train::report::Page& page, const train::report::Lines& log) override;

 private:
  Options options_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  models::LanguageModel network_;
  Meter meter_;
};

// ---- music

// A piece as the network reads it: numbers of tokens (0 ends a step, then keys from 1 on, from the
// highest down), or the 88 keys of each step. Before the first step stands an empty one.
class Notation {
 public:
  explicit Notation(bool rolls) : rolls_(rolls) {}
  bool rolls() const { return rolls_; }
  static constexpr int64_t kEndOfStep = 0;
  int64_t vocab() const { return rolls_ ? music::kKeys : music::kKeys + 1; }
  int64_t length_of(const std::vector<music::Chord>& steps) const;  // in tokens, or steps
  std::vector<int64_t> tokens_of(const std::vector<music::Chord>& steps) const;

 private:
  bool rolls_;
};

// Windows of pieces side by side, padded to a multiple of 32. Only what lies from `counted` on is
// to be predicted.
struct MusicBatch {
  struct Row {
    std::vector<music::Chord> steps;
    int64_t begin = 0, length = 0;  // of the window, in tokens or steps
    int64_t counted = 0;            // of the piece: the first token or step that counts
  };
  std::vector<Row> rows;
  // What the network takes, what is to come out (numbers, text::kNoTarget: nothing; or rolls with
  // their mask [N, T]), and how many steps count, [].
  Tensors tensors(const Notation& notation) const;
};
// Nats a step: their sum, over the steps that count.
Tensor nats_of(models::MusicModel& net, const Notation& notation, std::span<const Tensor> batch);

// Whether a run of this task, by its configuration, composes music; else it writes text.
bool is_of_music(const Json& config);

// A trained network of music.
class Composer : public Learned {
 public:
  explicit Composer(const train::SavedModel& saved);
  nn::Module& network() override { return network_.module(); }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return {"logits"}; }
  Tensors forward(std::span<const Tensor> in) override { return {network_.logits(in[0])}; }
  Tensors read(const std::string& file) override;

  Json measured(const TextEvalOptions& options) override;
  int write(const GenerateOptions& options) override;
  void explain(train::report::Page& page, const train::report::Lines& log) override;
  // So many steps after those of a prompt, which may be none.
  music::Roll compose(const std::vector<music::Chord>& prompt, int64_t steps,
                      const text::SamplingOptions& sampling, uint64_t seed);
  const Options& options() const { return options_; }
  music::RollSet open(const std::string& source) const;

 private:
  Options options_;
  Notation notation_;
  models::MusicModel network_;
};
// {examples: steps, loss, nats_per_step, pieces}: every step but the first of each piece.
Json measure_music(models::MusicModel& net, const Options& o,
                   const std::vector<music::Roll>& pieces);
std::string music_in_words(const Json& measured);
Json train_music(Options& o);  // whose folder is chosen

}  // namespace cairn::tasks::language_model
