// The loop that every training shares: steps, lines of metrics.jsonl, TensorBoard scalars,
// progress, evaluations, checkpoints, signals, and going on where a run was stopped, to the same
// bits.
//
//   train::Trainer trainer(std::move(run), {.task = kTask, .label = "lstm", .total = 5000,
//                                           .evaluate_every = 250},
//                          {train::part("model", network), train::part("optimizer", optimizer)});
//   if (options.resume) trainer.restore();
//   optim::Scheduler schedule(optimizer, optim::cosine(5000), trainer.step());
//   trainer.run({.load = [&] { batch = batch_number(trainer.step()); },
//                .step = [&] { ...; schedule.step(); return train::Scalars{{"loss", loss}}; },
//                .evaluate = [&] { ...; return train::Evaluation{{{"validation/loss", v}}, line};
//                }, .save_weights = [&] { trainer.write_weights(network.state_dict()); }});
//
// Whatever changes from step to step must be in a part, or be a function of trainer.step().
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cairn/base/error.h"
#include "cairn/dist/world.h"
#include "cairn/io/tensorboard.h"
#include "cairn/nn/module.h"
#include "cairn/optim/optim.h"
#include "cairn/train/checkpoint.h"
#include "cairn/train/run_folder.h"

namespace cairn::train {

// What a checkpoint holds under one prefix. `load` gets the tensors without it and throws Error
// when they do not fit.
struct Part {
  std::string prefix;
  std::function<NamedTensors()> save;
  std::function<void(const NamedTensors&)> load;
};
// The module, optimizer or average must live as long as the trainer.
Part part(const std::string& prefix, const nn::Module& module);
Part part(const std::string& prefix, optim::Optimizer& optimizer);
Part part(const std::string& prefix, optim::Ema& averages);
Part part(const std::string& prefix, NamedTensors states);  // e.g. a recurrent network's memory

// States of a rank's part of the batch, along `axis`: saved as those of all ranks.
Part part_of_rows(const std::string& prefix, NamedTensors states, int axis);

using Scalars = std::vector<std::pair<std::string, double>>;

struct Evaluation {
  Scalars values;    // "test/accuracy": its TensorBoard tag; "test_accuracy" in metrics.jsonl
  std::string line;  // printed, followed by the time; "": none
  // For TensorBoard, by tag.
  std::vector<std::pair<std::string, io::Image>> images = {};
  std::vector<std::pair<std::string, std::string>> texts = {};
  bool stop = false;  // this was the last step (early stopping)
};

// What an evaluation throws whose loss is not finite: the log keeps that the training diverged.
class Diverged : public Error {
 public:
  using Error::Error;
};

struct TrainerHooks {
  std::function<void()> load;  // fetches what the step wants; its errors pass as they are
  std::function<Scalars()>
      step;  // one step; its errors (NaN) get the step and the last checkpoint.
             // The values are averaged over the steps between two log lines (from where they
             // began, when steps give others than those before)
  std::function<Json()> note = {};            // more for each line: {{"epoch", 3}}
  std::function<Evaluation()> evaluate = {};  // every evaluate_every steps, and after the last
  // The weights to use, after each checkpoint.
  std::function<void()> save_weights = {};
  // What a step computes, for TensorBoard; asked after the first one of a new run.
  std::function<std::vector<io::GraphOp>()> graph = {};
};

struct TrainerOptions {
  std::string task;   // for the message that says how to go on
  std::string label;  // of the progress bar
  int64_t total = 0;  // steps
  int64_t log_every = 50;
  int64_t evaluate_every = 0;    // 0: after the last step only
  int64_t save_every = 0;        // steps between checkpoints; 0: only with evaluations
  bool quiet = false;            // no progress on standard error
  int64_t stop_after_steps = 0;  // ends early, saved, as a signal would; 0: does not
  std::string about = {};        // printed at the start: data, sizes, network; "": nothing
  // Whose weights TensorBoard gets, as histograms; the name stands before theirs.
  std::vector<std::pair<std::string, nn::Module>> networks = {};
};

class Trainer {
 public:
  // The random generator is saved too, without being named.
  Trainer(RunFolder run, TrainerOptions options, std::vector<Part> parts);

  // From the run's checkpoint; one that has none yet starts over, its log too, says so and gives
  // false. Throws Error when the checkpoint is of another network or damaged.
  bool restore();
  // To the last step. Throws Stopped on a signal, after saving.
  void run(const TrainerHooks& hooks);

  int64_t step() const { return step_; }  // steps done
  bool finished() const { return !unevaluated_ && (ended_ || step_ >= options_.total); }
  int64_t total() const { return options_.total; }
  double seconds() const;  // of training, those before a stop included
  const RunFolder& folder() const { return run_; }
  // What the last line of metrics.jsonl said, as text: "loss 0.1234". One precedes each evaluation.
  const std::string& last_logged() const { return last_logged_; }
  double last_mean(const std::string& name) const;  // one of its values; NaN: it has none such
  // model.safetensors, with the configuration that says what the weights are of.
  void write_weights(const NamedTensors& weights) const;
  // The same beside it, in the run's folder.
  void write_weights(const std::string& file, const NamedTensors& weights) const;

 private:
  using Clock = std::chrono::steady_clock;
  // Sums of what the steps gave since the last line.
  struct Running {
    Scalars sums;
    int64_t count = 0;
  };
  class Output;  // metrics.jsonl, events, progress

  void share();
  void restore_from(const Loaded& loaded);
  Loaded snapshot() const;
  void begin(const TrainerHooks& hooks, Output& output);
  void take_step(const TrainerHooks& hooks);
  void log(const TrainerHooks& hooks, Output& output);
  void log_line(Output& output);
  void evaluate(const TrainerHooks& hooks, Output& output);
  void close_step(const TrainerHooks& hooks, Output& output, bool evaluates);
  void announce() const;
  void mend_weights(const TrainerHooks& hooks) const;
  void save(bool keep_previous);
  bool is_to_stop();
  void say_traffic() const;

  RunFolder run_;
  TrainerOptions options_;
  std::vector<Part> parts_;
  int64_t step_ = 0;
  int64_t taken_ = 0;  // of them since this start
  bool restored_ = false;
  bool ended_ = false;        // before the last step, by an evaluation
  int stop_signal_ = 0;       // of any rank
  bool unevaluated_ = false;  // an evaluation of this step is still to come
  Json last_line_;            // of the log
  double seconds_before_ = 0;
  Running running_;
  Scalars last_means_;
  std::string last_logged_;
  dist::World::Traffic traffic_;  // until the last line
  Clock::time_point began_ = Clock::now();
};

}  // namespace cairn::train
