// Translation: an encoder-decoder learns to write a text in another language or form.
#pragma once
#include "cairn/tasks/sequence_to_sequence/sequences.h"

namespace cairn::tasks::machine_translation {

using namespace sequence_to_sequence;
inline constexpr const char* kTask = "machine-translation";

struct Options : SequenceOptions {
  Options()
      : SequenceOptions(
            "dates",
            "A folder of train*, val* and test* that end with .LANGUAGE, .tsv or .jsonl "
            "(also .gz); such a file; 'dates' are made by the program") {
    batch.usual(128), lr.usual(2e-3), ema.usual(0.995), val_split.usual(0.05), epochs.usual(40);
    layers.usual({{"lstm", 2}, {"", 4}}), width.usual({{"lstm", 384}, {"", 128}});
    lr.usual({{"lstm", 1e-3}, {"", 2e-3}});
    heads.only_with({"transformer"}), feed_forward.only_with({"transformer"});
  }
  Option<std::string> model{this, "model", "transformer", one_of({"transformer", "lstm"}),
                            "Network: attention alone, or LSTMs that look at the source"};
  bool is_recurrent() const override { return model == "lstm"; }
  Option<std::string> source{this, "source", "", "Language to translate from: en"};
  Option<std::string> target{this, "target", "", "Language to translate into: de"};
};

inline constexpr UsualSearch kSearch{.beams = 5, .no_repeat = 0, .length_penalty = 0.8};

struct TranslationEvalOptions : SequenceEvalOptions {
  TranslationEvalOptions() : SequenceEvalOptions(kSearch) {}
};
struct PredictOptions : Searching<train::OptionSet> {
  PredictOptions() : Searching(kSearch) {}
  Option<std::vector<std::string>> files{this, "files", Open{"standard input"},
                                         "Texts to translate, a line each", Use::positional};
};

class Translator : public SequenceModel {
 public:
  explicit Translator(const train::SavedModel& saved);
  const Options& options() const { return options_; }
  // The pairs of a split, or "all" of a file; `data`: another folder or file, "" the run's own.
  std::vector<TextPair> pairs(const std::string& data, const std::string& split) const;
  std::vector<TextPair> held_back() const override { return pairs("", "validation"); }

 private:
  Options options_;
};

Json train(Options options);
void report(train::report::Page& page, Translator& translator, const train::report::Lines& log);

}  // namespace cairn::tasks::machine_translation
