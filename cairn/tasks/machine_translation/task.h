// Translation: an encoder-decoder learns to write a text in another language or form.
#pragma once
#include "cairn/compile/compile.h"
#include "cairn/data/parallel_text.h"
#include "cairn/models/encoder_decoder.h"
#include "cairn/tasks/task.h"
#include "cairn/text/beam_search.h"
#include "cairn/text/subword_tokenizer.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::machine_translation {

using data::TextPair;
using train::ByModel, train::Open, train::Option, train::Use, train::whole, train::between,
    train::one_of;
inline constexpr const char* kTask = "machine-translation";
// Numbers of special tokens, which every vocabulary begins with.
inline constexpr int64_t kPad = 0, kBegin = 1, kEnd = 2;

struct Options : train::SupervisedOptions {
  Options() {
    batch.usual(128), lr.usual(2e-3), betas.usual({{0.9, 0.98}}), weight_decay.usual(1e-4);
    clip.usual(1), ema.usual(0.995), val_split.usual(0.05), epochs.usual(40);
    eval_every.says("each epoch, or a tenth of all");
  }
  train::DataOption data{
      this, "dates",
      "A folder of train*, val* and test* that end with .LANGUAGE, .tsv or .jsonl "
      "(also .gz); such a file; 'dates' are made by the program"};
  Option<std::string> source{this, "source", "", "Language to translate from: en"};
  Option<std::string> target{this, "target", "", "Language to translate into: de"};
  Option<int64_t> vocab{this, "vocab", 8000, whole(260, 1 << 20),
                        "Tokens at most, of both languages together (byte-level BPE)"};
  Option<int64_t> layers{this, "layers", 4, whole(1, 100), "Layers of encoder and of decoder"};
  Option<int64_t> width{this, "width", 128, whole(2, 65536), "Features of a token"};
  Option<int64_t> heads{this, "heads", 4, whole(1, 1024), "Attention heads"};
  Option<int64_t> feed_forward{this, "feed_forward", 256, whole(1, 1 << 20),
                               "Width of the layers between attentions"};
  Option<double> dropout{this, "dropout", 0.3, between(0, 0.9), "Part of the features dropped"};
  Option<double> label_smoothing{this, "label_smoothing", 0.1, between(0, 0.9),
                                 "Part of the probability that is wanted for all other tokens"};
  Option<std::string> schedule{this, "schedule", "inverse-sqrt", one_of({"inverse-sqrt", "cosine"}),
                               "How the learning rate falls after its rise"};
  Option<int64_t> warmup{this, "warmup", Open{"800 steps, or a tenth of all"},
                         whole(1, train::kMostSteps), "Steps of its rise"};
  Option<int64_t> longest{this, "longest", 128, whole(2, 1 << 16), "Tokens of a text at most"};
  Option<std::string> tokenizer{this, "tokenizer"};  // a fact: the tokenizer.json
};

// Throws InvalidOption for sizes that do not belong together.
models::EncoderDecoderOptions network_options(const Options& o, int64_t vocab);

// Token numbers of a pair, each with the end token, cut at `longest`.
struct Example {
  std::vector<int64_t> source, target;
};
// Examples padded to lengths that are multiples of 8, so that few shapes occur: source [N, S],
// its lengths [N], target in and out [N, T], the latter shifted and -100 where nothing is.
Tensors batch_of(const std::vector<const Example*>& examples);

class Coder {
 public:
  Coder(std::shared_ptr<const text::SubwordTokenizer> tokenizer, int64_t longest)
      : tokenizer_(std::move(tokenizer)), longest_(longest) {}
  std::vector<int64_t> encode(const std::string& text) const;  // with the end token
  std::vector<Example> examples(const std::vector<TextPair>& pairs) const;
  std::string decode(const std::vector<int64_t>& tokens) const;
  const text::SubwordTokenizer& tokenizer() const { return *tokenizer_; }
  int64_t cut() const { return cut_; }  // texts that were too long

 private:
  std::shared_ptr<const text::SubwordTokenizer> tokenizer_;
  int64_t longest_;
  mutable int64_t cut_ = 0;
};

// The mean loss of a token, nats, without smoothing; compiled for each shape, used again.
class Meter {
 public:
  explicit Meter(const models::EncoderDecoder& net);
  double loss(const std::vector<Example>& examples);  // in evaluation mode

 private:
  CompiledFunction sum_;
};

// How translations are searched for, as options of a verb.
template <class Base>
struct Searching : Base {
  Option<int64_t> beams{this, "beams", 5, whole(1, 1000), "Translations kept in view"};
  Option<double> length_penalty{this, "length_penalty", 0.8, between(-10, 10),
                                "Above 0: longer ones gain (log p / ((5 + tokens) / 6)^penalty)"};
  Option<int64_t> batch{this, "batch", 32, whole(1, 1 << 16), "Texts at a time"};
};
struct TranslationEvalOptions : Searching<EvalOptions> {
  Option<std::string> split{this, "split", "validation", one_of({"train", "validation", "test"}),
                            "Part of the data"};
  Option<std::string> out{this, "out", Open{"not written"}, "File for the translations"};
};
struct PredictOptions : Searching<train::OptionSet> {
  Option<std::vector<std::string>> files{this, "files", Open{"standard input"},
                                         "Texts to translate, a line each", Use::positional};
};

// A trained network with its tokens.
class Translator : public Model {
 public:
  explicit Translator(const train::SavedModel& saved);
  nn::Module& network() override { return net_; }
  std::vector<Tensor> inputs(int64_t examples) override;  // sources [N, S]
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return {"logits"}; }
  Tensors forward(std::span<const Tensor> in) override { return {net_(in[0], in[1], in[2])}; }
  Tensors read(const std::string& file) override;
  const Options& options() const { return options_; }
  const Coder& coder() const { return coder_; }
  models::EncoderDecoder& net() { return net_; }

  struct Translation {
    std::string text;
    std::vector<int64_t> tokens;  // with the end token
    double log_probability = 0;   // of the tokens
  };
  // The best translation of each text that the search finds; of an empty text nothing.
  std::vector<Translation> translate(const std::vector<std::string>& texts,
                                     const text::BeamOptions& how, int64_t batch);
  // The pairs of a split; `data`: another folder or file (all of a file), "" the run's own.
  std::vector<TextPair> pairs(const std::string& data, const std::string& split) const;
  double loss(const std::vector<TextPair>& pairs) { return meter_.loss(coder_.examples(pairs)); }

 private:
  Options options_;
  Coder coder_;
  models::EncoderDecoder net_;
  Meter meter_;
};

// The run's pairs to learn from and to choose by.
struct Split {
  std::vector<TextPair> train, validation;
};
Split split_of(const data::ParallelText& text, const Options& o);

Json train(Options options);
void report(train::report::Page& page, Translator& translator, const train::report::Lines& log);

}  // namespace cairn::tasks::machine_translation
