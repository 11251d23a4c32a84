// Speech recognition: a network learns what is said in recordings, letter by letter (CTC), or which
// of a few words a whole clip is.
#pragma once
#include <map>
#include <mutex>
#include <set>

#include "cairn/audio/augment.h"
#include "cairn/audio/features.h"
#include "cairn/compile/compile.h"
#include "cairn/data/speech.h"
#include "cairn/metrics/edit_distance.h"
#include "cairn/tasks/files.h"
#include "cairn/text/ctc_decode.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::speech_recognition {

using data::SpeechPart, data::Utterance;
using train::Open, train::Option, train::Use, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "speech-recognition";

struct Options : train::SupervisedOptions {
  Options() {
    batch.usual({{"cnn", 32}, {"", 16}}), lr.usual({{"transformer", 1e-3}, {"", 2e-3}});
    weight_decay.usual(1e-2), clip.usual(5), ema.usual(0.995), val_split.usual(0.1);
    epochs.usual({{"cnn", 80}, {"", 60}}), eval_every.says("each epoch, or a 20th of all");
    keep.says("last; with patience the best");
    layers.only_with({"bilstm", "conv-bilstm", "transformer"}), heads.only_with({"transformer"});
  }
  train::DataOption data{this, "tones",
                         "A folder (AN4, LibriSpeech, Common Voice, FSDD, texts beside sounds, a "
                         "folder for each class) or a list of recordings (.tsv, .csv, .jsonl); "
                         "'tones' are drawn"};
  Option<bool> whole_clip{this, "whole_clip", false, "Texts are classes of whole clips"};
  Option<std::string> model{this, "model", Open{"bilstm; of whole clips cnn"},
                            one_of({"bilstm", "conv-bilstm", "transformer", "cnn"}), "Network"};
  Option<int64_t> width{this, "width", train::ByModel<int64_t>{{"cnn", 32}, {"", 192}},
                        whole(2, 65536), "Features of a layer"};
  Option<int64_t> layers{this, "layers", 3, whole(1, 100), "Layers"};
  Option<int64_t> heads{this, "heads", 4, whole(1, 1024), "Attention heads"};
  Option<double> dropout{this, "dropout", train::ByModel<double>{{"cnn", 0.2}, {"", 0.3}},
                         between(0, 0.9), "Part of the features dropped"};
  Option<std::string> features{this, "features", Open{"log-mel; ready-made ones as they are"},
                               one_of(audio::feature_presets()), "What the network hears"};
  Option<int64_t> bins{this, "bins", Open{"the preset's; of log-mel 40 below 16 kHz"},
                       whole(1, 1024), "Filters"};
  Option<int64_t> rate{this, "rate", Open{"the recordings', at most 16000"}, whole(1000, 200000),
                       "Samples a second to listen at"};
  Option<int64_t> stack{this, "stack", Open{"3; of cnn 1"}, whole(1, 32),
                        "Frames joined to one, so that there are fewer"};
  // Random changes of what is learned from.
  Option<double> speed{this, "speed", 0.1, between(0, 0.5), "Faster or slower by up to this part"};
  Option<double> noise{this, "noise", 0.3, between(0, 1),
                       "Part of the recordings that get noise, 10 to 40 dB below them"};
  Option<int64_t> time_masks{this, "time_masks", 2, whole(0, 100), "Stretches of time left out"};
  Option<int64_t> band_masks{this, "band_masks", train::ByModel<int64_t>{{"cnn", 1}, {"", 2}},
                             whole(0, 100), "Bands of features left out"};
  // Facts: labels (0 is the blank; of whole clips all are classes), features of a frame.
  Option<std::vector<std::string>> labels{this, "labels"};
  Option<int64_t> feature_size{this, "feature_size"};
};

// Frames as the network takes them, [frames, size].
struct Heard {
  std::vector<float> values;
  int64_t frames = 0;
};

// What was wrong with recordings and passed over; threads share one.
class Complaints {
 public:
  void add(const std::string& file, const std::string& warning);  // "": nothing is wrong
  // On standard error, each once: the first few, and how many there are.
  void say();

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> waiting_;  // by file
  std::set<std::string> said_;
};

// From recordings to what the network hears; immutable but for what it complains of, threads share
// one.
class Ear {
 public:
  explicit Ear(const Options& o);
  int64_t size() const { return size_; }                         // of a joined frame
  double seconds_of(int64_t frames) const;                       // joined ones
  int64_t frames_of(const SpeechPart&, const Utterance&) const;  // joined, without hearing it
  // `random`: changed, as in training.
  Heard hear(const SpeechPart& part, const Utterance& u, PhiloxStream* random = nullptr) const;
  Heard hear(std::vector<float> samples) const;
  std::vector<float> samples_of(const Utterance& u) const;  // at the rate; none of features
  int rate() const { return rate_; }
  void say_complaints() const { complaints_->say(); }  // of what was looked at since the last time

 private:
  Heard finished(std::vector<float> features, PhiloxStream* random) const;
  void change(std::vector<float>& samples, PhiloxStream& random) const;

  int rate_;
  audio::FrontEnd front_;
  int64_t base_, stack_, size_;
  bool deltas_;
  double speed_, noise_;
  audio::Masks masks_;
  std::shared_ptr<Complaints> complaints_ = std::make_shared<Complaints>();
};

// Characters (or classes) and their numbers.
class Letters {
 public:
  Letters(std::vector<std::string> labels, bool classes);
  std::vector<int64_t> encode(const std::string& text) const;  // what is unknown is left out
  std::string decode(const std::vector<int64_t>& labels) const;
  int64_t class_of(const std::string& text) const;  // throws Error naming the text
  const std::vector<std::string>& labels() const { return labels_; }
  int64_t size() const { return static_cast<int64_t>(labels_.size()); }

 private:
  std::vector<std::string> labels_;
};

// Utterances as the network takes them: frames [N, T, size] with T a multiple of 16, lengths [N],
// labels [N, S] with S a multiple of 16, their lengths [N]; or of whole clips classes [N].
struct Batch {
  std::vector<Heard> heard;
  std::vector<std::vector<int64_t>> labels;
  Tensors tensors(int64_t size, bool classes) const;
};

// One network or the other, in evaluation mode or not: (x, lengths) -> log-probabilities [N, T,
// labels], or scores [N, classes].
nn::AnyModule make_network(const Options& o);
Tensor loss_of(const Options& o, const nn::AnyModule& net, std::span<const Tensor> in,
               double smoothing);

struct Search {
  int64_t beams = 1;  // 1: greedy
  std::shared_ptr<const text::NgramModel> model = {};
  double weight = 0, bonus = 0;
};

// What was recognised of some utterances, and how right that is.
struct Recognised {
  std::string text;
  double loss = 0;
  std::vector<float> log_p;  // [frames, labels], or [classes]
  int64_t frames = 0;
};
class Judge {
 public:
  Judge(const Options& o, const nn::AnyModule& net, const Ear& ear, const Letters& letters);
  std::vector<Recognised> recognise(const SpeechPart& part, const Search& how = {});
  Json measure(const SpeechPart& part, const Search& how = {});
  Json measure(const SpeechPart& part, const std::vector<Recognised>& all) const;
  Recognised recognise(const Heard& heard, const Search& how = {});
  std::string text_of(const Recognised& r, const Search& how) const;
  text::CtcFrames frames_of(const Recognised& r) const { return {r.log_p, letters_.size(), 0}; }

 private:
  const Options& o_;
  const Ear& ear_;
  const Letters& letters_;
  CompiledFunction forward_;
};
std::string in_words(const Json& measured);

// How texts are searched for, as options of a verb.
template <class Base>
struct Searching : Base {
  Option<int64_t> beams{this, "beams", 16, whole(1, 10000), "Texts kept in view; 1: greedy"};
  Option<std::string> lm{this, "lm", Open{"none"},
                         "Language model of words: an ARPA file (cairn ngram makes one)"};
  Option<double> lm_weight{this, "lm_weight", 0.6, between(0, 100), "How much it counts"};
  Option<double> word_bonus{this, "word_bonus", 2, between(-100, 100),
                            "With one, added for each word, in nats: above 0 for more of them"};
};
struct SpeechEvalOptions : Searching<EvalOptions> {
  Option<std::string> split{this, "split", "validation", one_of({"train", "validation", "test"}),
                            "Part of the data"};
};
struct PredictOptions : Searching<FileOptions> {
  Option<bool> stream{this, "stream", false, "A JSON line for each piece, as soon as it is heard"};
};

struct Word {
  std::string word;
  double start = 0, end = 0, confidence = 0;  // seconds
};

// A trained network with its ear and letters.
class Recogniser : public Model {
 public:
  explicit Recogniser(const train::SavedModel& saved);
  nn::Module& network() override { return *net_; }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override;
  Tensors forward(std::span<const Tensor> in) override;
  Tensors read(const std::string& file) override;
  std::vector<std::string> labels() const override;
  const Options& options() const { return options_; }
  const Ear& ear() const { return ear_; }
  const Letters& letters() const { return letters_; }
  Judge& judge() { return judge_; }
  SpeechPart part(const std::string& data, const std::string& split) const;
  // What is measured: of other data without parts "all". Throws InvalidOption for a part of such.
  struct Chosen {
    SpeechPart part;
    std::string split;
  };
  Chosen chosen(const SpeechEvalOptions& o) const;
  // With times of a sound that goes on from second `begin` to `end`.
  std::vector<Word> words_of(const Recognised& r, double begin, double end) const;

 private:
  SpeechPart part_of(const data::SpeechSet& set, const std::string& from,
                     const std::string& split) const;

  Options options_;
  Ear ear_;
  Letters letters_;
  nn::AnyModule net_;
  Judge judge_;
};

// The set's parts, with a validation part held back where it has none.
struct Parts {
  SpeechPart train, validation;
};
Parts parts_of(const data::SpeechSet& set, const Options& o);

Json train(Options options);
void report(train::report::Page& page, Recogniser& recogniser, const train::report::Lines& log);

}  // namespace cairn::tasks::speech_recognition
