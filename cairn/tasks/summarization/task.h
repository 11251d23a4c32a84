// Summarization: an encoder-decoder that may copy says a text in short.
#pragma once
#include "cairn/data/summaries.h"
#include "cairn/tasks/sequence_to_sequence/sequences.h"

namespace cairn::tasks::summarization {

using namespace sequence_to_sequence;
using data::Summarized;
inline constexpr const char* kTask = "summarization";

struct Options : SequenceOptions {
  Options()
      : SequenceOptions("errands",
                        "A folder of *train*, *dev* or *val*, *test* .jsonl (also .gz), such a "
                        "file; 'errands' are made by the program") {
    layers.usual(3), width.usual(256), feed_forward.usual(1024), longest.usual(400);
    batch.usual(32), lr.usual(7e-4), ema.usual(0.995), val_split.usual(0.05), epochs.usual(11);
  }
  Option<std::string> model{this, "model", "pointer-generator",
                            one_of({"pointer-generator", "transformer"}),
                            "Whether words of the text may be copied, or all are generated"};
  bool copies() const override { return model == "pointer-generator"; }
};

inline constexpr UsualSearch kSearch{.beams = 4, .no_repeat = 3, .length_penalty = 1.6};

struct SummaryEvalOptions : SequenceEvalOptions {
  SummaryEvalOptions() : SequenceEvalOptions(kSearch) {}
  Option<int64_t> max_tokens{this, "max_tokens", 100, whole(1, 1 << 16),
                             "Tokens of a summary at most"};
};
struct PredictOptions : Searching<train::OptionSet> {
  PredictOptions() : Searching(kSearch) {}
  Option<int64_t> max_tokens{this, "max_tokens", 100, whole(1, 1 << 16),
                             "Tokens of a summary at most"};
  Option<std::vector<std::string>> files{
      this, "files", Open{"standard input"},
      "Texts, a line each: as they are, or JSON objects as those that it learned from",
      Use::positional};
};

class Summarizer : public SequenceModel {
 public:
  explicit Summarizer(const train::SavedModel& saved)
      : SequenceModel(
            saved, options_of<Options>(saved, &Options::tokenizer, &Options::layers,
                                       &Options::width, &Options::feed_forward, &Options::longest)),
        options_(options_of<Options>(saved)) {}
  const Options& options() const { return options_; }
  // Of a split, or "all" of a file; `data`: another folder or file, "" the run's own.
  std::vector<Summarized> documents(const std::string& data, const std::string& split) const;
  std::vector<TextPair> held_back() const override;

 private:
  Options options_;
};

// A pair for each summary.
std::vector<TextPair> pairs_of(const std::vector<Summarized>& documents);
// {rouge1, rouge2, rougeL: F in percent (words stemmed), the mean over the references; *_best of
// them; rougeL_weighted: of precision and recall to the power 1 / 1.2, as the package py-rouge
// usually prints it; rougeLsum; the same with lead3_ of the texts' first three sentences}. Where
// summaries have letters beyond a to z, which ROUGE does not know, also unicode_... by words of any
// script, and references_without_words, if there are such.
Json rouge_of(const std::vector<Summarized>& documents, const std::vector<std::string>& said);

Json train(Options options);
void report(train::report::Page& page, Summarizer& summarizer, const train::report::Lines& log);

}  // namespace cairn::tasks::summarization
