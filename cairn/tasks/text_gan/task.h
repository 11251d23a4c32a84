// Adversarial text, after RelGAN (Nie et al. 2019): a network that writes sentences learns from
// real ones by likelihood first, and then from another that tells its sentences from them. RelGAN
// and not SeqGAN: words that are drawn softly have gradients of their own, where a policy gradient
// wants 16 sentences to their ends for each word. Both writers are kept, since the honest question
// is whether the second training made the first any better (Caccia et al. 2020 say no).
#pragma once
#include <optional>

#include "cairn/compile/compile.h"
#include "cairn/data/sentences.h"
#include "cairn/metrics/sentence_bleu.h"
#include "cairn/models/sentence_gan.h"
#include "cairn/nn/adversarial.h"
#include "cairn/tasks/task.h"
#include "cairn/text/tokenizer.h"

namespace cairn::tasks::text_gan {

using metrics::Words;
using train::Open, train::Option, train::Use, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "text-gan";
inline constexpr const char* kLikelihood = "likelihood.safetensors";  // beside the run's weights

struct Options : train::RunOptions {
  Options() { steps.usual(4000); }
  train::DataOption data{this, "scenes",
                         "Sentences, one a line: a file (also .gz), or a folder whose files with "
                         "'test' in their names are the test part; 'scenes' makes its own"};
  Option<int64_t> likelihood_steps{this, "likelihood_steps", Open{"three quarters of all"},
                                   whole(1, train::kMostSteps),
                                   "Steps that learn from real sentences alone, before the two "
                                   "networks learn from each other"};
  Option<double> val_split{this, "val_split", 0.05, between(0, 0.9),
                           "Part of the training sentences that is held back to watch"};
  Option<int64_t> vocab_size{this, "vocab_size", 5000, whole(4, 1 << 20),
                             "Words at most; sentences with others are left out"};
  Option<int64_t> longest{this, "longest", 20, whole(2, 1000),
                          "Words of a sentence at most, its end counted; others are cut"};
  Option<int64_t> batch{this, "batch", 64, whole(2, train::kLargestBatch), "Sentences a step"};
  Option<int64_t> embedding{this, "embedding", 64, whole(1, 65536), "Features of a word"};
  Option<int64_t> width{this, "width", 512, whole(1, 65536), "Features of the writer's memory"};
  Option<int64_t> looks{this, "looks", 16, whole(1, 1024),
                        "Ways in which the other network looks at a sentence"};
  Option<double> dropout{this, "dropout", 0.3, between(0, 0.9),
                         "Part of the features dropped while it learns from real sentences"};
  Option<double> likelihood_lr{this, "likelihood_lr", 2e-3, train::positive(),
                               "Learning rate by likelihood; falls along a cosine"};
  Option<double> lr{this,
                    "lr",
                    1e-4,
                    train::positive(),
                    "Learning rate of both networks against each other",
                    Use::changeable};
  Option<int64_t> critic_steps{this, "critic_steps", 3, whole(1, 65536),
                               "Updates of the reader for each of the writer"};
  Option<double> sharpness{this, "sharpness", 100, between(1, 1e6),
                           "How near to single words those drawn softly are at the end (1 at the "
                           "start, rising exponentially)"};
  Option<std::string> loss{this, "loss", "relativistic", one_of(nn::gan_loss_names()),
                           "Loss of the two networks"};
  Option<int64_t> sample_every{this, "sample_every", Open{"a 20th of all"},
                               whole(1, train::kMostSteps),
                               "Steps between looks at what it writes"};
  // Facts.
  Option<int64_t> vocab{this, "vocab"};
  Option<Json> tokenizer{this, "tokenizer"};

  models::SentenceSize size() const {
    return {.vocab = vocab,
            .longest = longest,
            .end = text::WordTokenizer::kNewLine,
            .unknown = text::WordTokenizer::kUnknown,
            .embedding = embedding,
            .width = width,
            .dropout = dropout};
  }
};

// Sentences as word numbers, each `longest` long: the rest are ends.
struct Numbers {
  std::vector<int64_t> words;  // [count, longest]
  int64_t count = 0, longest = 0;
  int64_t cut = 0, unknown = 0;  // sentences that were cut, and left out for unknown words

  std::span<const int64_t> sentence(int64_t i) const {
    return std::span(words).subspan(static_cast<size_t>(i * longest), static_cast<size_t>(longest));
  }
};
Numbers numbers_of(const std::vector<std::string>& sentences, const text::Tokenizer& tokenizer,
                   int64_t longest);
// What the writer reads and what it should say next: [N, longest] each; -100 beyond the end.
Tensors shifted(const Tensor& words);

// Where sentences come from: the test part is the data's own, or else a fifth, drawn by the seed.
struct Splits {
  std::vector<std::string> train, validation, test;
  std::string left_out;
};
Splits open_splits(const Options& options, const std::string& source);

// Writes sentences with a writer in evaluation mode, compiled once.
class Author {
 public:
  explicit Author(const models::SentenceWriter& writer, int64_t longest);
  // The same seed writes the same; `temperature` above 0.
  std::vector<Words> write(const text::Tokenizer& tokenizer, int64_t count, double temperature,
                           uint64_t seed);
  // Mean nats a word, ends counted, of sentences.
  double nats(const Numbers& sentences);

 private:
  int64_t longest_;
  CompiledFunction write_, sums_;
};
std::string joined(const Words& words);

Json train(Options options);

// {bleu2 .. bleu5, self_bleu2 .. self_bleu5, reverse_perplexity, copied, distinct} of what was
// written. bleu: against real sentences that nobody learned from; self_bleu: against each other;
// reverse_perplexity: of real sentences by trigrams of what was written; copied: the part that
// stands in `learned`, word for word.
class Judge {
 public:
  Judge(const std::vector<std::string>& real, const std::vector<std::string>& learned);
  Json judge(const std::vector<Words>& written) const;

 private:
  const std::vector<std::string>& real_;
  metrics::SentenceBleu bleu_;
  std::vector<std::string> learned_;  // sorted
};
// A writer by likelihood at some temperatures, and how it fares there: {temperature, bleu3,
// self_bleu3} each.
Json temperatures_of(Author& author, const text::Tokenizer& tokenizer, const Judge& judge,
                     int64_t count, uint64_t seed);
// Which writer is better, by BLEU-3 where both repeat themselves as much.
std::string verdict(const Json& adversarial, const Json& curve);

// Both trained writers.
class TextWriter : public Model {
 public:
  explicit TextWriter(const train::SavedModel& saved);
  nn::Module& network() override { return network_; }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return {"logits"}; }
  Tensors read(const std::string& file) override;

  const Options& options() const { return options_; }
  const text::Tokenizer& tokenizer() const { return *tokenizer_; }
  Author& author() { return author_; }
  Author& by_likelihood();  // throws Error naming the file that is missing or damaged
  Splits splits(const std::string& source) const;
  // A step was taken by the two networks: their weights differ.
  bool met();

 private:
  Options options_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  models::SentenceWriter network_, likelihood_;
  Author author_;
  std::optional<Author> by_likelihood_;
};

struct JudgingOptions : EvalOptions {
  Option<std::string> split{this, "split", "test", one_of({"train", "validation", "test"}),
                            "Which real sentences to compare with (unless given, all of a file "
                            "of --data)"};
  Option<int64_t> samples{this, "samples", 1000, whole(2, 1 << 20), "Sentences to write"};
  Option<uint64_t> seed{this, "seed", 0, whole(0, INT64_MAX), "The same seed writes the same"};
};
// What the judge says of the adversarial writer; the same with mle_ of the one by likelihood at
// temperature 1, and with data_ of training sentences; nats, mle_nats; mle_curve; verdict.
Json evaluate(TextWriter& writer, const JudgingOptions& options);

void report(train::report::Page& page, TextWriter& writer, const train::report::Lines& log);

}  // namespace cairn::tasks::text_gan
