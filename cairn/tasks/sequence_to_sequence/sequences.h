// What tasks share that turn one text into another with an encoder-decoder: their options, texts as
// token numbers, training, and the search for the best text.
#pragma once
#include <functional>

#include "cairn/compile/compile.h"
#include "cairn/data/parallel_text.h"
#include "cairn/models/encoder_decoder.h"
#include "cairn/tasks/own_data.h"
#include "cairn/tasks/task.h"
#include "cairn/text/beam_search.h"
#include "cairn/text/subword_tokenizer.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::sequence_to_sequence {

using data::TextPair;
using train::ByModel, train::Open, train::Option, train::Use, train::whole, train::between,
    train::one_of;
// Numbers of special tokens, which every vocabulary begins with.
inline constexpr int64_t kPad = 0, kBegin = 1, kEnd = 2;

struct SequenceOptions : train::SupervisedOptions {
  SequenceOptions(const char* usual_data, const char* data_help)
      : data(this, usual_data, data_help) {
    weight_decay.usual(1e-4), betas.usual({{0.9, 0.98}}), clip.usual(1);
    eval_every.says("each epoch, or a tenth of all");
  }
  train::DataOption data;
  Option<int64_t> vocab{this, "vocab", 8000, whole(260, 1 << 20),
                        "Tokens at most, of both sides together (byte-level BPE; what stands for "
                        "a name, as #Person1#, is one)"};
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
  virtual bool copies() const { return false; }      // the network may copy from the source
  virtual bool is_recurrent() const { return false; }
};

// Throws InvalidOption for sizes that do not belong together.
std::shared_ptr<models::SequenceNetwork> make_network(const SequenceOptions& o, int64_t vocab);

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
  int64_t longest() const { return longest_; }
  int64_t cut() const { return cut_; }  // texts that were too long

 private:
  std::shared_ptr<const text::SubwordTokenizer> tokenizer_;
  int64_t longest_;
  mutable int64_t cut_ = 0;
};

// The mean loss of a token, nats, without smoothing; compiled for each shape, used again.
class Meter {
 public:
  explicit Meter(std::shared_ptr<models::SequenceNetwork> net);
  double loss(const std::vector<Example>& examples);  // in evaluation mode

 private:
  CompiledFunction sum_;
};

// What a task searches with unless told otherwise, chosen on validation data.
struct UsualSearch {
  int64_t beams, no_repeat;
  double length_penalty;
};
// How texts are searched for, as options of a verb.
template <class Base>
struct Searching : Base {
  explicit Searching(const UsualSearch& usual)
      : beams(this, "beams", usual.beams, whole(1, 1000), "Texts kept in view"),
        length_penalty(this, "length_penalty", usual.length_penalty, between(-10, 10),
                       "Above 0: longer ones gain (log p / ((5 + tokens) / 6)^penalty)"),
        no_repeat(this, "no_repeat", usual.no_repeat, whole(0, 1000),
                  "No run of so many tokens twice in a text; 0: whatever is likely") {}
  Option<int64_t> beams;
  Option<double> length_penalty;
  Option<double> patience{this, "patience", 2, between(0, 1000),
                          "A search ends when so many times beams texts have; 0: when none can "
                          "become better"};
  Option<int64_t> no_repeat;
  Option<int64_t> batch{this, "batch", 32, whole(1, 1 << 16), "Texts at a time"};
  text::BeamOptions how(int64_t max_tokens) const {
    return {.beams = beams,
            .max_tokens = max_tokens,
            .length_penalty = length_penalty,
            .no_repeat = no_repeat,
            .patience = patience};
  }
};
struct SequenceEvalOptions : Searching<EvalOptions> {
  using Searching::Searching;
  Option<std::string> split{this, "split", "validation", one_of({"train", "validation", "test"}),
                            "Part of the data"};
  Option<std::string> out{this, "out", Open{"not written"}, "File for what it writes, a line each"};

  bool writes() const { return !out.is_open() && !out->empty(); }
  // The part that is measured: "all" of a file, which has none; data that the program makes are
  // called `made`. Throws InvalidOption for a part of a file, and Error where `out` cannot be
  // written: before the work.
  std::string checked_split(const char* made) const;
};

struct Written {
  std::string text;
  std::vector<int64_t> tokens;  // with the end token
  double log_probability = 0;   // of the tokens
  bool is_cut = false;          // what it was made of was longer than the network takes
};

// What is learned from and what is chosen by.
template <class T>
struct Split {
  std::vector<T> train, validation;
};
// Where there is nothing to choose by, a part of what is learned from, drawn by the seed.
template <class T>
Split<T> split_of(std::vector<T> train, std::vector<T> validation, const SequenceOptions& o) {
  check(!train.empty(), "'{}' has nothing to learn from", *o.data);
  if (!validation.empty()) {
    o.val_split.require(o.resume || o.val_split.value() == o.val_split.usual_of(""),
                        "'{}' has a part to validate by of its own", *o.data);
    return {std::move(train), std::move(validation)};
  }
  Split<T> split;
  const auto parts = train::hold_back(o, std::ssize(train));
  for (const int64_t i : parts.first)
    split.train.push_back(std::move(train[static_cast<size_t>(i)]));
  for (const int64_t i : parts.second)
    split.validation.push_back(std::move(train[static_cast<size_t>(i)]));
  return split;
}

// The examples of a split (SequenceEvalOptions) of `data`; "": the run's own, of which a part may
// have been held back.
template <class Parts>
auto examples_of(Parts all, const std::string& split, const std::string& data,
                 const SequenceOptions& o) {
  if (split == "all") return std::move(all.train);
  if (split != "test" && is_own_data(data, o.data)) {
    auto parts = split_of(std::move(all.train), std::move(all.validation), o);
    return std::move(split == "validation" ? parts.validation : parts.train);
  }
  auto& part = split == "test" ? all.test : split == "validation" ? all.validation : all.train;
  check(!part.empty(), "'{}' has no {} part; name another (split), or a file of it (data)",
        data.empty() ? *o.data : data, split);
  return std::move(part);
}

// Of the run that a training begins with, where it does: network and tokens.
void take_network_of_run(const char* task, SequenceOptions& o, Option<std::string>& model);
// Trains on pairs after train::choose_run(); `about`: more of the data, for the first line.
Json train_on(const char* task, SequenceOptions& o, const Split<TextPair>& pairs,
              const std::string& about);

// A trained network with its tokens.
class SequenceModel : public Model {
 public:
  nn::Module& network() override { return net_->module(); }
  std::vector<Tensor> inputs(int64_t examples) override;  // sources [N, S]
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return {"logits"}; }
  Tensors forward(std::span<const Tensor> in) override {
    return {net_->logits(in[0], in[1], in[2])};
  }
  Tensors read(const std::string& file) override;
  const Coder& coder() const { return coder_; }
  models::SequenceNetwork& net() { return *net_; }
  // The best text for each source that the search finds; of an empty one nothing. At most twice as
  // many tokens as the source has, and ten.
  std::vector<Written> write(const std::vector<std::string>& sources, text::BeamOptions how,
                             int64_t batch);
  double loss(const std::vector<TextPair>& pairs) { return meter_.loss(coder_.examples(pairs)); }
  virtual std::vector<TextPair> held_back() const = 0;  // pairs that the training chose by

 protected:
  SequenceModel(const train::SavedModel& saved, const SequenceOptions& o);

 private:
  Coder coder_;
  std::shared_ptr<models::SequenceNetwork> net_;
  Meter meter_;
};

// What it writes for each source; also into the file `out`.
std::vector<std::string> write_all(SequenceModel& model, const std::vector<std::string>& sources,
                                   const text::BeamOptions& how, const SequenceEvalOptions& o);

// The source that a line is; {}: the line itself.
using SourceOf =
    std::function<std::string(const std::string& line, const std::string& file, int64_t number)>;
// Prints a line for each line of the files, or of standard input as it comes: `batch` texts of like
// length at a time. The status for the command line.
int write_lines(SequenceModel& model, const std::vector<std::string>& files,
                const text::BeamOptions& how, int64_t batch, const SourceOf& source_of = {});

}  // namespace cairn::tasks::sequence_to_sequence
