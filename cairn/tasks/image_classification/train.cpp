#include <algorithm>
#include <cmath>

#include "cairn/base/parallel.h"
#include "cairn/compile/compile.h"
#include "cairn/data/loader.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/optim.h"
#include "cairn/tasks/image_classification/evaluate.h"
#include "cairn/tasks/image_classification/network.h"
#include "cairn/train/saved_model.h"
#include "cairn/train/trainer.h"

namespace cairn::tasks::image_classification {
namespace {

Json config_of(const TrainOptions& o, const Recipe& r, const data::ImageDataset& set,
               const data::Normalization& n) {
  return {{"task", kTask},
          {"data", o.data},
          {"model", r.model},
          {"epochs", r.epochs},
          {"batch", r.batch},
          {"lr", r.lr},
          {"weight_decay", r.weight_decay},
          {"label_smoothing", r.label_smoothing},
          {"ema", r.ema},
          {"seed", o.seed},
          {"save_every", o.save_every},
          {"threads", num_threads()},
          {"classes", set.classes()},
          {"shape", {set.shape().channels, set.shape().height, set.shape().width}},
          {"mean", n.mean},
          {"deviation", n.deviation}};
}

struct Splits {
  data::ImageDatasetPtr train, test;
};

// Both splits, of one kind.
Splits open_splits(const std::string& source) {
  Splits s{data::open_image_dataset(source, data::Split::train),
           data::open_image_dataset(source, data::Split::test)};
  if (!(s.train->shape() == s.test->shape()))
    fail("'{}': training images are {}, test images {}; they must be alike", source,
         data::to_string(s.train->shape()), data::to_string(s.test->shape()));
  check(s.train->classes().size() == s.test->classes().size(),
        "'{}': the training split has {} classes, the test split {}; name them all in classes.txt",
        source, s.train->classes().size(), s.test->classes().size());
  return s;
}

// The network of a training, and what changes with it.
class Session {
 public:
  Session(const TrainOptions& options, const Recipe& recipe, Splits splits,
          const data::Normalization& normalization, train::RunFolder run)
      : options_(options),
        recipe_(recipe),
        set_(std::move(splits.train)),
        test_(std::move(splits.test)),
        normalization_(normalization),
        network_((manual_seed(options.seed),
                  make_network(recipe.model, set_->shape(),
                               static_cast<int64_t>(set_->classes().size())))),
        optimizer_(network_->parameters(), {.lr = recipe.lr, .weight_decay = recipe.weight_decay}),
        ema_(network_->parameters(), recipe.ema),
        batches_per_epoch_((set_->size() + recipe.batch - 1) / recipe.batch),
        trainer_(std::move(run),
                 {.task = kTask,
                  .label = recipe.model,
                  .total = batches_per_epoch_ * recipe.epochs,
                  .evaluate_every = batches_per_epoch_,
                  .options = options},
                 {train::part("model", *network_), train::part("optimizer", optimizer_),
                  train::part("ema", ema_)}) {}

  Json run() {
    if (options_.resume) trainer_.restore();
    data::Loader loader(set_, {.batch = recipe_.batch,
                               .epochs = recipe_.epochs,
                               .seed = options_.seed,
                               .augment = recipe_.augment,
                               .normalization = normalization_,
                               .threads = std::max(1, num_threads() - 1),
                               .start_epoch = trainer_.step() / batches_per_epoch_,
                               .start_batch = trainer_.step() % batches_per_epoch_});
    optim::Scheduler schedule(optimizer_, optim::one_cycle(trainer_.total()), trainer_.step());
    auto step = compile([this](Tensor x, Tensor y) {
      const Tensor loss = check_finite(
          cross_entropy((*network_)(x), y, {.label_smoothing = recipe_.label_smoothing}));
      optimizer_.step(loss);
      ema_.update();
      return loss;
    });
    data::Batch batch;
    Json last;
    network_->train();
    trainer_.run({.load = [&] { loader.next(batch); },
                  .step =
                      [&] {
                        const double loss = step(batch.x(), batch.y()).item();
                        schedule.step();
                        return train::Scalars{{"loss", loss}};
                      },
                  .note =
                      [&] {
                        return Json{{"epoch", batch.epoch}, {"lr", optimizer_.lr()}};
                      },
                  .evaluate =
                      [&] {
                        last = test_now();
                        return evaluation(batch.epoch, last);
                      },
                  .save_weights = [&] { save_weights(); }});
    last["run"] = trainer_.folder().path();
    last["model"] = recipe_.model;
    last["steps"] = trainer_.step();
    last["seconds"] = trainer_.seconds();
    return last;
  }

 private:
  train::Evaluation evaluation(int64_t epoch, const Json& test) {
    const double accuracy = test["accuracy"], test_loss = test["loss"];
    return {{{"test/accuracy", accuracy}, {"test/loss", test_loss}},
            fmt::format("epoch {:2}/{}  {}  test accuracy {:.2f} %", epoch + 1, recipe_.epochs,
                        trainer_.last_logged(), accuracy * 100)};
  }

  // With the averaged weights.
  Json test_now() {
    ema_.swap();
    network_->eval();
    Json result = measure(*network_, *test_, data::Split::test, normalization_);
    network_->train();
    ema_.swap();
    return result;
  }

  // The averaged weights, which are those to use.
  void save_weights() {
    ema_.swap();
    trainer_.write_weights(network_->state_dict());
    ema_.swap();
  }

  const TrainOptions& options_;
  const Recipe& recipe_;
  data::ImageDatasetPtr set_, test_;
  data::Normalization normalization_;
  nn::AnyModule network_;
  optim::AdamW optimizer_;
  optim::Ema ema_;
  int64_t batches_per_epoch_;
  train::Trainer trainer_;
};

void check_options(const TrainOptions& o) {
  if (o.epochs < 0) throw UsageError(fmt::format("--epochs: {} is negative", o.epochs));
  if (o.batch < 0) throw UsageError(fmt::format("--batch: {} is negative", o.batch));
  if (o.lr < 0 || !std::isfinite(o.lr))
    throw UsageError(fmt::format("--lr: {} is no finite number above 0", o.lr));
  if (o.save_every < 0) throw UsageError(fmt::format("--save-every: {} is negative", o.save_every));
}

// What the run was started with; only --save-every may change.
void take_over(const Json& config, TrainOptions& options) {
  train::read_config(config, options.out, [&](const Json& c) {
    options.data = c.at("data"), options.model = c.at("model"), options.seed = c.at("seed");
    options.epochs = c.at("epochs"), options.batch = c.at("batch"), options.lr = c.at("lr");
    if (!options.save_every) options.save_every = c.value("save_every", int64_t{0});
  });
}

}  // namespace

Json train(const TrainOptions& given) {
  TrainOptions options = given;
  check_options(options);
  const Json config = train::RunFolder::choose(kTask, options.out, options.resume);
  if (options.resume) take_over(config, options);
  const Splits splits = open_splits(options.data);
  const auto& set = splits.train;
  Recipe recipe = recipe_for(options.model, *set);
  if (options.epochs) recipe.epochs = options.epochs;
  if (options.batch) recipe.batch = options.batch;
  if (options.lr > 0) recipe.lr = options.lr;
  make_network(recipe.model, set->shape(),
               static_cast<int64_t>(set->classes().size()));  // refuses before anything is written
  const data::Normalization normalization = data::measure_normalization(*set);
  auto run = train::RunFolder::begin(kTask, options.out, options.resume,
                                     config_of(options, recipe, *set, normalization));
  return Session(options, recipe, splits, normalization, std::move(run)).run();
}

}  // namespace cairn::tasks::image_classification
