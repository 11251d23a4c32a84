// A task is a row: what it learns, its options, how it trains, how a trained model is opened, and
// what can then be done with it. The command line, the tour, the reports, the docs and a test that
// tries every task walk the table and name none.
#pragma once
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cairn/tasks/model.h"
#include "cairn/train/ranks.h"
#include "cairn/train/report/curves.h"
#include "cairn/train/run_options.h"

namespace cairn::tasks {

// One of several examples that a forward() computes side by side: a row of each input, and why what
// is said of it may mean little, or "".
struct Asked {
  Tensors inputs;
  std::string given, warning = "";
};

// What can be done with a trained model: eval, predict, generate, ... `run` prints and returns the
// exit status.
struct Verb {
  const char *name = nullptr, *what = nullptr;
  const char* examples = nullptr;  // lines with their newlines
  std::unique_ptr<train::OptionSet> (*options)() = nullptr;
  int (*run)(Model& model, const train::OptionSet& options) = nullptr;
  // Of files or lines given to it one by one, and printed in as many lines of JSON or one table:
  // what they are ("picture", "sound", "text", ...).
  const char* given = nullptr;
  // Where forward() answers many at once: an example from a file's path (of texts, a text), and
  // what `run` would print of it as JSON, from its row of the first output.
  Asked (*ask)(Model& model, const train::OptionSet& options, const std::string& given) = nullptr;
  Json (*say)(Model& model, const train::OptionSet& options, const Asked& asked,
              std::span<const float> row) = nullptr;

  constexpr Verb of(const char* kind) const {
    Verb verb = *this;
    verb.given = kind;
    return verb;
  }
  template <class M, class Options, Asked (*ask_of)(M&, const Options&, const std::string&),
            Json (*say_of)(M&, const Options&, const Asked&, std::span<const float>)>
  constexpr Verb side_by_side() const {
    Verb verb = *this;
    verb.ask = [](Model& model, const train::OptionSet& options, const std::string& given) {
      return ask_of(static_cast<M&>(model), static_cast<const Options&>(options), given);
    };
    verb.say = [](Model& model, const train::OptionSet& options, const Asked& asked,
                  std::span<const float> row) {
      return say_of(static_cast<M&>(model), static_cast<const Options&>(options), asked, row);
    };
    return verb;
  }
};
// Where verbs print: standard output, or what the Printed that lives in this thread collects.
FILE* printed();
class Printed {
 public:
  Printed();
  ~Printed();
  Printed(const Printed&) = delete;
  std::string text();   // so far
  static bool lives();  // in this thread

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  FILE* file_;
};
// A row of functions that know their types.
template <class M, class Options, int (*run)(M&, const Options&)>
constexpr Verb verb(const char* name, const char* what, const char* examples) {
  Verb verb{name, what, examples,
            []() -> std::unique_ptr<train::OptionSet> { return std::make_unique<Options>(); },
            [](Model& model, const train::OptionSet& options) {
              return run(static_cast<M&>(model), static_cast<const Options&>(options));
            }};
  if constexpr (requires { Options::kGiven; }) verb.given = Options::kGiven;
  return verb;
}

// What the options of "eval" begin with.
struct EvalOptions : train::OptionSet {
  train::Option<std::string> data{this, "data", train::Open{"that of the training"},
                                  "What to measure on"};
  train::Option<bool> json{this, "json", false, "Print one JSON object, the last line"};

  std::string or_own(const std::string& own) const { return data.is_open() ? own : *data; }
};
struct SplitEvalOptions : EvalOptions {
  train::Option<std::string> split{
      this, "split", "test", train::one_of({"train", "validation", "test"}), "Part of the data"};
};
// {split, examples, ...}: as JSON or in words, with {confusion, classes} as a table before.
void print_evaluation(const Json& result, bool json, std::string (*in_words)(const Json&));
// Says when the files that the model learned from are others now.
void say_changed_files(const Model& model);
// The verb "eval" of an evaluation and what it says in words. Several ranks do it together (its
// parts are shared out, dist/share_out.h), or `alone`, rank 0 does.
template <class M, class Options, Json (*evaluate)(M&, const Options&),
          std::string (*in_words)(const Json&), bool alone = false>
constexpr Verb eval_verb(const char* what, const char* examples) {
  return {"eval", what, examples,
          []() -> std::unique_ptr<train::OptionSet> { return std::make_unique<Options>(); },
          [](Model& model, const train::OptionSet& options) {
            const auto& o = static_cast<const Options&>(options);
            if (o.data.is_open() && dist::leads()) say_changed_files(model);
            const auto measure = [&] { return evaluate(static_cast<M&>(model), o); };
            print_evaluation(alone ? train::by_leader(measure) : measure(), o.json, in_words);
            return 0;
          }};
}

// A small training for the tour through what the program can do.
struct TourStop {
  const char *name = nullptr, *title = nullptr;
  const char* text = nullptr;     // how the architecture works
  const char* options = nullptr;  // JSON, as --config takes it; steps are scaled
};

// A list of a few that the compiler fills, so that rows are data and need no code at the start.
template <class T, size_t most>
class Few {
 public:
  constexpr Few() = default;
  constexpr Few(std::initializer_list<T> items) : size_(items.size()) {
    size_t at = 0;
    for (const T& item : items) items_[at++] = item;
  }
  constexpr T* begin() { return items_; }
  constexpr T* end() { return items_ + size_; }
  constexpr void clear() { size_ = 0; }
  constexpr const T* begin() const { return items_; }
  constexpr const T* end() const { return items_ + size_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr const T& operator[](size_t i) const { return items_[i]; }

 private:
  T items_[most] = {};
  size_t size_ = 0;
};

struct Quality {
  const char* name = nullptr;  // as eval has it: "accuracy"
  bool higher_is_better = true;
  bool is_share = false;  // of the examples
};

struct Task {
  const char *name, *title, *what;
  const char* examples;
  std::unique_ptr<train::RunOptions> (*options)();
  // The result for programs: {task, run, seconds, ...}. Throws train::Stopped on a signal.
  Json (*train)(const train::RunOptions& options);
  std::string (*summary)(const Json& result);  // the same in a line for people
  // What eval measures that says how good a network is; the first that there is.
  Few<Quality, 3> qualities;
  Few<Verb, 8> verbs;  // "eval" is one of them
  // `log`: the run's metrics.jsonl.
  void (*report)(train::report::Page& page, Model& model, const train::report::Lines& log);
  // The least training on what comes with the program, as --config takes it: for tests.
  const char* smallest;
  // Writes a few inputs to try a trained model on, and returns their paths; none: there are none.
  std::vector<std::string> (*write_inputs)(const std::string& folder) = nullptr;
  const char* inputs = "";  // what they are called: "digits"
  Few<TourStop, 4> stops = {};
};
template <class Options, Json (*train_with)(Options)>
Json train_as(const train::RunOptions& options) {
  return train_with(static_cast<const Options&>(options));
}
template <class Options>
std::unique_ptr<train::RunOptions> options_as() {
  return std::make_unique<Options>();
}
// The end of a training for people, where it measured something: in words, on what, where it is.
template <std::string (*in_words)(const Json&)>
std::string summary_of(const Json& r) {
  return fmt::format("{} {}, {} weights in {}", r["split"].get<std::string>(), in_words(r),
                     r["weights"].get<std::string>(), r["run"].get<std::string>());
}
template <class M, void (*write)(train::report::Page&, M&, const train::report::Lines&)>
void report_as(train::report::Page& page, Model& model, const train::report::Lines& log) {
  write(page, static_cast<M&>(model), log);
}

const std::vector<Task>& all_tasks();
std::vector<std::string> task_names();
const Task& task_named(const std::string& name);  // throws UsageError, naming the nearest
const Verb* find_verb(const Task& task, const std::string& name);

// What a page says of a run, in the section that was begun last: where it comes from, how to train
// one like it, and the task's report, whose headline ends with how long it took.
void report_on(train::report::Page& page, const Task& task, Model& model);
// A page's facts: those of the task, then the network's parameters and the time of its training.
void write_facts(train::report::Page& page, Model& model, const train::report::Lines& log,
                 std::vector<std::pair<std::string, std::string>> facts);

// One page about a run; returns its path ("" for `out`: report.html in the run folder). `data`:
// where the run's data lie now, when they moved.
std::string write_report(const std::string& run, const std::string& out = "",
                         const std::string& data = "");

// The options of every task and verb as a page: docs/tasks.md.
std::string document_tasks();

}  // namespace cairn::tasks
