// Question answering: the part of a text that answers a question is marked.
#pragma once
#include "cairn/compile/compile.h"
#include "cairn/data/questions.h"
#include "cairn/models/span_reader.h"
#include "cairn/tasks/question_answering/notation.h"
#include "cairn/tasks/task.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::question_answering {

using train::ByModel, train::Open, train::Option, train::Use, train::whole, train::between,
    train::one_of;
inline constexpr const char* kTask = "question-answering";

struct Options : train::SupervisedOptions {
  Options() {
    batch.usual({{"encoder", 16}, {"", 32}}), lr.usual({{"encoder", 1.5e-4}, {"", 2e-3}});
    clip.usual({{"encoder", 1}, {"", 5}}), ema.usual({{"encoder", 0}, {"", 0.998}});
    val_split.usual(0.1667), epochs.usual({{"encoder", 2}, {"", 8}});
    eval_every.says("each epoch, with an encoder half of one");
    vocab.only_with({"reader"}), embedding.only_with({"reader"}), width.only_with({"reader"});
    dropout.only_with({"reader"});
  }
  train::DataOption data{this, "people",
                         "SQuAD's JSON: a file or a folder of them (also .gz); 'people' are made "
                         "by the program"};
  Option<std::string> model{this, "model", Open{"encoder with --init of a BERT, else reader"},
                            one_of({"reader", "encoder"}),
                            "Recurrent network from scratch, or a BERT that goes on (--init DIR: a "
                            "folder of Hugging Face's, or a run of one)"};
  Option<int64_t> vocab{this, "vocab", 20000, whole(1, 1 << 20),
                        "Words at most that have a vector of their own"};
  Option<int64_t> embedding{this, "embedding", 96, whole(1, 65536), "Width of words' vectors"};
  Option<int64_t> width{this, "width", 96, whole(1, 65536),
                        "Features of a word, in each direction"};
  Option<double> dropout{this, "dropout", 0.3, between(0, 0.9), "Part of the features dropped"};
  Option<int64_t> longest{this, "longest", ByModel<int64_t>({{"encoder", 256}, {"", 384}}),
                          whole(128, 1 << 14),
                          "Words (an encoder's pieces) of a window; longer texts are read in "
                          "windows that overlap"};
  Option<int64_t> max_answer{this, "max_answer", ByModel<int64_t>({{"encoder", 30}, {"", 15}}),
                             whole(1, 1 << 14), "Words (an encoder's pieces) of an answer at most"};
  Option<Json> encoder{this, "encoder"};             // a fact: the config.json of the folder
  Option<std::string> tokenizer{this, "tokenizer"};  // a fact: its tokenizer.json
  Option<Json> words{this, "words"};                 // a fact: the vocabulary with its counts
  Option<bool> unanswered{this, "unanswered"};  // a fact: there are questions without an answer
};

struct Answer {
  std::string text;           // "": there is none
  size_t begin = 0, end = 0;  // bytes of the context
  double confidence = 0;      // 0 .. 1: the network's probability of this very span
};

// What is asked of a text.
struct Asked {
  std::string_view context, question;
};

// Finds answers with a network, and how much it loses on known ones; compiled for each shape.
class Finder {
 public:
  Finder(std::shared_ptr<models::SpanNetwork> net, std::shared_ptr<const Notation> notation,
         int64_t max_answer, bool unanswered);

  struct Found {
    std::vector<Answer> answers;  // one a question
    double loss = 0;              // mean of start's and end's, nats; of answers, then windows
  };
  // In evaluation mode.
  Found find(const data::Questions& questions);
  Answer answer(const Asked& asked);
  // Of each word of a text of one window: how likely it is a part of the answer.
  std::vector<double> heat(const Row& row);

 private:
  struct Scores {
    std::vector<float> start, end;  // of each place
  };
  std::vector<Scores> scores_of(const std::vector<Row>& rows);
  static double loss_of(const Scores& scores, const std::vector<Row::Answer>& answers);
  Answer best(const Row* rows, const Scores* scores, size_t count, std::string_view text) const;

  std::shared_ptr<models::SpanNetwork> net_;
  std::shared_ptr<const Notation> notation_;
  int64_t max_answer_;
  bool unanswered_;
  CompiledFunction spans_;
};

// Contexts and questions noted, each once.
std::vector<Row> rows_of(const data::Questions& questions, const Notation& notation,
                         std::vector<size_t>* row_counts = nullptr);

std::shared_ptr<models::SpanNetwork> make_network(const Options& o, const Notation& notation,
                                                  const std::string& file);
std::shared_ptr<const Notation> make_notation(const Options& o, const std::string& file);

struct QuestionEvalOptions : EvalOptions {
  Option<std::string> out{this, "out", Open{"not written"},
                          "File for the answers: JSON, text by the questions' ids, as SQuAD's "
                          "scripts take it"};
};
struct PredictOptions : train::OptionSet {
  Option<std::string> context{this, "context", Open{"each line has one"},
                              "File of the text (also .gz)"};
  Option<std::string> question{this, "question", Open{"the lines that are read"},
                               "Question about it"};
  Option<std::vector<std::string>> files{
      this, "files", Open{"standard input"},
      "Questions about --context, a line each; without it JSON lines with context and question",
      Use::positional};
  Option<bool> json{this, "json", false, "Print one JSON object a line"};
};

class Answerer : public Model {
 public:
  explicit Answerer(const train::SavedModel& saved);
  nn::Module& network() override { return net_->module(); }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return {"start", "end"}; }
  Tensors forward(std::span<const Tensor> in) override;
  Tensors read(const std::string& file) override;
  pretrained::FolderContent folder() override;  // of an encoder
  const Options& options() const { return options_; }
  const Notation& notation() const { return *notation_; }
  Finder& finder() { return finder_; }
  // Those that the training held back, or all of `data`.
  data::Questions questions(const std::string& data) const;

 private:
  Options options_;
  std::shared_ptr<const Notation> notation_;
  std::shared_ptr<models::SpanNetwork> net_;
  Finder finder_;
};

// {exact_match, f1} in percent.
Json score(const data::Questions& questions, const std::vector<Answer>& answers);
std::string in_words(const Json& scores);
// A line of JSON: {"context", "question"}. Throws Error naming file and line.
struct AskedLine {
  std::string context, question;
};
AskedLine parse_asked(const std::string& line, const std::string& file, int64_t number);

Json train(Options options);
void report(train::report::Page& page, Answerer& answerer, const train::report::Lines& log);
extern const Opener kOpener;
extern const Task kRow;

}  // namespace cairn::tasks::question_answering
