// Supervised training in one place: network, optimizer, schedule, averaged weights, clipping,
// accumulation, mixed precision, validation, best and last weights, early stopping, and weights to
// begin with. A task gives batches, `loss(batch)` and `measure()`.
//
//   train::Supervised session({.task = kTask, .label = "mlp", .network = *network,
//                              .options = options, .schedule = optim::one_cycle(options.steps)});
//   session.run({.next = [&] { loader.next(batch); return Tensors{batch.x(), batch.y()}; },
//                .loss = [&](auto in) { return cross_entropy((*network)(in[0]), in[1]); },
//                .measure = [&] { return Json{{"loss", ...}, {"accuracy", ...}}; },
//                .words = [](const Json& measured) { return std::string(...); }});
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "cairn/data/order.h"
#include "cairn/optim/optim.h"
#include "cairn/train/ranks.h"
#include "cairn/train/run_options.h"
#include "cairn/train/trainer.h"

namespace cairn::train {

// What a task uses instead, its options' constructor says: lr.usual({{"gpt", 3e-3}, {"", 2e-3}}).
struct SupervisedOptions : RunOptions {
  SupervisedOptions() { group("Training"); }
  Option<int64_t> batch{this, "batch", ByModel<int64_t>(64), whole(1, kLargestBatch),
                        "Examples a step"};
  Option<double> lr{
      this, "lr", ByModel<double>(1e-3), positive(), "Highest learning rate", Use::changeable};
  Option<std::string> optimizer{this, "optimizer", "adamw",
                                one_of({"adamw", "adam", "sgd", "rmsprop"}), "Rule of the updates"};
  Option<std::vector<double>> betas{this, "betas", ByModel<std::vector<double>>({0.9, 0.999}),
                                    two_between(0, 0.999999),
                                    "Of adamw and adam; the first: of sgd"};
  Option<double> weight_decay{this, "weight_decay", ByModel<double>(0.01), between(0, 1e9),
                              "How strongly weights are drawn to 0"};
  Option<double> clip{this, "clip", ByModel<double>(0), between(0, 1e30),
                      "Largest norm of all gradients together; 0: none"};
  Option<double> ema{this, "ema", ByModel<double>(0), between(0, 0.9999999),
                     "Decay of the averaged weights, which are those to use; 0: none"};
  Option<int64_t> accumulate{this, "accumulate", 1, whole(1, kLargestBatch),
                             "Parts a batch is cut into, to need less memory; gradients are added"};
  Option<std::string> precision{this, "precision", "f32", one_of({"f32", "bf16"}),
                                "Of products (f32 where the processor multiplies no bf16)"};
  Option<double> val_split{this, "val_split", ByModel<double>(0), between(0, 0.9),
                           "Part of the training data that is held back to choose by"};
  Option<int64_t> patience{this, "patience", 0, whole(0, kMostSteps),
                           "End after so many validations without improvement; 0: do not"};
  Option<std::string> keep{this, "keep", Open{"best where there is validation, else last"},
                           one_of({"best", "last"}), "Which weights model.safetensors holds"};
  Option<int64_t> eval_every{this,
                             "eval_every",
                             Open{"a 20th of all"},
                             whole(1, kMostSteps),
                             "Steps between evaluations",
                             Use::changeable};
  Option<std::string> init{this, "init", "",
                           "Run, weights (also PyTorch's .pt) or folder of Hugging Face's "
                           "transformers to begin with, where names and shapes agree"};
  Option<std::vector<std::string>> freeze{
      this, "freeze", {}, "Parts that stay as they are: beginnings of weights' names"};
};

// Where a training begins with a run of its own task (`init`): what that network and its tokens
// were, for the options that say it. Otherwise weights would meet numbers of another vocabulary, or
// another shape, without a word. Throws InvalidOption where one was given otherwise.
void take_network_of_run(const std::string& task, SupervisedOptions& options,
                         std::initializer_list<AnyOption*> which);

// Fills what is still open with what suits any network, and refuses what does not belong together;
// `validates`: measure() sees data that were held back. Throws InvalidOption. Supervised does it
// before it makes the run's folder; to be called where something slow comes before that.
void settle(SupervisedOptions& options, const nn::Module& network, bool validates);

// The places of what is learned from, and of what is held back to choose by (val_split). Throws
// InvalidOption where nothing is.
data::TwoParts hold_back(const SupervisedOptions& options, int64_t examples);

class Supervised {
 public:
  struct Setup {
    std::string task, label;  // label: of the progress bar
    const nn::Module& network;
    SupervisedOptions& options;  // chosen by choose_run(), steps filled; must live as long
    optim::Schedule schedule = optim::constant();
    bool validates = false;             // measure() sees data that were held back: best, patience
    std::string split = "validation";   // what measure() sees
    bool smooths_targets = false;       // the loss is not the one that is measured
    bool decays_matrices_only = false;  // gains and biases have no reason to be small
    std::vector<Part> parts = {};       // what else changes from step to step
    std::string about = {};             // of the data, for the first line
    // Reads what a run begins with where the option `init` names a folder whose tensors are called
    // otherwise; null: those of `init`.
    std::function<NamedTensors()> initial = {};
  };
  // Settles the options, makes the folder of a new run and begins with the weights of `init`, or
  // restores what a resumed run had: batches may depend on step() from here on.
  explicit Supervised(const Setup& setup);

  struct Hooks {
    std::function<Tensors()> next;                        // the next batch
    std::function<Tensor(std::span<const Tensor>)> loss;  // of a batch; traced once
    // What the loss is a mean over where it is not the rows: the tokens of a batch, its known
    // values, f32 [1]. Parts of a batch (--accumulate, ranks) count by it, so that their mean is
    // that of the whole batch. May be 0 where the loss is then a sum over one.
    std::function<Tensor(std::span<const Tensor>)> count = {};
    // What is measured in evaluation mode, with the weights to use: {"loss": lower is better, ...}.
    // Its fractions go to the log as SPLIT/NAME, its texts to TensorBoard.
    std::function<Json()> measure;
    std::function<std::string(const Json& measured)> words;  // the same for people
    std::function<Json()> note = {};                         // more for each line of the log
    // What TensorBoard shows of an evaluation, by tag.
    std::function<std::vector<std::pair<std::string, io::Image>>()> pictures = {};
  };
  void run(const Hooks& hooks);

  // What a training gives back: what was measured on a split, with run, steps, seconds, ...
  Json result(const std::string& split, const Json& measured) const;

  int64_t step() const { return trainer_.step(); }
  bool was_finished() const { return was_finished_; }  // before run(): no step was taken
  double seconds() const { return trainer_.seconds(); }
  const RunFolder& folder() const { return trainer_.folder(); }
  // Gives the network the weights that model.safetensors holds, in evaluation mode.
  void use_kept() const;
  // The network with the weights to use, in evaluation mode; as before when it goes.
  class Use {
   public:
    explicit Use(Supervised& session);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Supervised& session_;
  };

 private:
  static Setup settled(Setup setup);
  void restore();
  Evaluation evaluate(const Hooks& hooks);
  void take_best(double loss);
  void save_weights();
  void begin_with(const std::string& weights);
  Tensor update(const Hooks& hooks, std::span<const Tensor> batch);
  Tensors accumulated(const Hooks& hooks, std::span<const Tensor> batch, Tensor& loss);
  Tensor update_over_ranks(const Hooks& hooks, std::span<const Tensor> batch);
  Tensor loss_of(const Hooks& hooks, std::span<const Tensor> batch) const;
  std::vector<Part> parts();

  Setup setup_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::optional<optim::Ema> ema_;
  Averager averager_;  // over ranks
  Tensor best_;        // State [1] f64: the lowest validation loss so far
  Tensor without_;     // State [1] f64: evaluations since then
  Trainer trainer_;
  bool was_finished_ = false;
  bool has_batch_ = false;  // none yet where an evaluation is made up for
};

}  // namespace cairn::train
