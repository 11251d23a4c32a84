#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>

#include "cairn/base/parallel.h"
#include "cairn/compile/compile.h"
#include "cairn/data/loader.h"
#include "cairn/io/jsonl.h"
#include "cairn/io/tensorboard.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/optim.h"
#include "cairn/tasks/image_classification/evaluate.h"
#include "cairn/tasks/image_classification/network.h"
#include "cairn/train/checkpoint.h"
#include "cairn/train/progress.h"
#include "cairn/train/run_folder.h"
#include "cairn/train/signals.h"

namespace cairn::tasks::image_classification {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr int kLogEvery = 50;  // steps between lines of metrics.jsonl

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

// Everything that a training changes, and how it is saved and restored.
class Session {
 public:
  Session(const TrainOptions& options, const Recipe& recipe, Splits splits,
          const data::Normalization& normalization, train::RunFolder run)
      : options_(options),
        recipe_(recipe),
        set_(std::move(splits.train)),
        test_(std::move(splits.test)),
        normalization_(normalization),
        run_(std::move(run)),
        network_((manual_seed(options.seed),
                  make_network(recipe.model, set_->shape(),
                               static_cast<int64_t>(set_->classes().size())))),
        optimizer_(network_->parameters(), {.lr = recipe.lr, .weight_decay = recipe.weight_decay}),
        ema_(network_->parameters(), recipe.ema) {
    batches_per_epoch_ = (set_->size() + recipe.batch - 1) / recipe.batch;
    total_ = batches_per_epoch_ * recipe.epochs;
  }

  void restore() {
    try {
      restore_from(train::load_checkpoint(run_.checkpoint()));
    } catch (const Error& e) {
      const std::string reason = e.what();
      if (reason.find(run_.checkpoint()) != reason.npos) throw;
      fail("'{}': {}", run_.checkpoint(), reason);
    }
  }

  Json run() {
    const bool resumed = step_ > 0;
    io::JsonlWriter metrics(run_.metrics(), resumed ? std::optional<int64_t>(step_) : std::nullopt);
    io::EventWriter events(run_.path(), resumed ? step_ : 0);
    train::SignalScope signals;
    data::Loader loader(set_, {.batch = recipe_.batch,
                               .epochs = recipe_.epochs,
                               .seed = options_.seed,
                               .augment = recipe_.augment,
                               .normalization = normalization_,
                               .threads = std::max(1, num_threads() - 1),
                               .start_epoch = step_ / batches_per_epoch_,
                               .start_batch = step_ % batches_per_epoch_});
    optim::Scheduler schedule(optimizer_, optim::one_cycle(total_), step_);
    auto step = compile([this](Tensor x, Tensor y) {
      const Tensor loss = check_finite(
          cross_entropy((*network_)(x), y, {.label_smoothing = recipe_.label_smoothing}));
      optimizer_.step(loss);
      ema_.update();
      return loss;
    });
    train::Progress progress(recipe_.model, total_, step_, options_.quiet);
    data::Batch batch;
    double loss_sum = 0;
    int64_t loss_count = 0;
    Json last;
    network_->train();
    while (loader.next(batch)) {
      loss_sum += take_step(step, batch), ++loss_count;
      schedule.step();
      ++step_;
      if (step_ % kLogEvery == 0 || batch.last) {
        const double loss = loss_sum / static_cast<double>(loss_count);
        metrics.write(
            {{"step", step_}, {"epoch", batch.epoch}, {"loss", loss}, {"lr", optimizer_.lr()}});
        events.add_scalar("train/loss", step_, static_cast<float>(loss));
        loss_sum = 0, loss_count = 0;
        last_loss_ = loss;
      }
      progress.update(step_, fmt::format("loss {:.4f}", last_loss_));
      if (batch.last) {
        last = test_now();
        metrics.write({{"step", step_},
                       {"epoch", batch.epoch},
                       {"test_accuracy", last["accuracy"]},
                       {"test_loss", last["loss"]},
                       {"seconds", seconds()}});
        events.add_scalar("test/accuracy", step_, last["accuracy"].get<float>());
        progress.line(fmt::format("epoch {:2}/{}  loss {:.4f}  test accuracy {:.2f} %  {}",
                                  batch.epoch + 1, recipe_.epochs, last_loss_,
                                  last["accuracy"].get<double>() * 100,
                                  train::readable_seconds(seconds())));
      }
      const int signal = train::SignalScope::caught();
      const bool stop = signal || (options_.stop_after_steps && step_ >= options_.stop_after_steps);
      if (stop || batch.last || (options_.save_every && step_ % options_.save_every == 0)) save();
      if (stop)
        throw train::Stopped(
            signal,
            fmt::format(
                "stopped at step {} of {}; saved. Go on with: cairn train {} --out {} --resume",
                step_, total_, kTask, run_.path()));
    }
    if (last.is_null()) {  // resumed at its end: the weights may be those of the save before
      last = test_now();
      save_weights();
    }
    last["run"] = run_.path();
    last["model"] = recipe_.model;
    last["steps"] = step_;
    last["seconds"] = seconds();
    return last;
  }

 private:
  void restore_from(const train::Loaded& loaded) {
    const auto text = [&](const char* key) {
      const auto it = loaded.metadata.find(key);
      check(it != loaded.metadata.end(), "no checkpoint of a training: its metadata has no '{}'",
            key);
      return it->second;
    };
    const auto number = [&](const char* key) {
      try {
        return std::stod(text(key));
      } catch (const std::logic_error&) {
        fail("no checkpoint of a training: '{}' is '{}', no number", key, text(key));
      }
    };
    const double step = number("step");
    check(step >= 0 && step <= static_cast<double>(total_),
          "the checkpoint is of step {}, the run has {}", step, total_);
    network_->load_state_dict(loaded.part("model"));
    optimizer_.load_state_dict(loaded.part("optimizer"));
    restore_averages(loaded);
    const auto random = loaded.part("random");
    check(random.size() == 1 && random[0].second.shape() == Shape{2},
          "no checkpoint of a training: no random state");
    assign(generator(), random[0].second);
    step_ = static_cast<int64_t>(step);
    seconds_before_ = number("seconds");
    const std::string threads = text("threads");
    if (threads != std::to_string(num_threads()))
      fmt::print(stderr,
                 "cairn: the run was made with {} threads and goes on with {}: results agree "
                 "within rounding, not to the bit\n",
                 threads, num_threads());
  }

  void restore_averages(const train::Loaded& loaded) {
    const auto averages = loaded.part("ema");
    const auto& own = ema_.averages();
    check(averages.size() == own.size(), "the checkpoint has {} averages, the network {}",
          averages.size(), own.size());
    for (size_t i = 0; i < own.size(); ++i) {
      const auto it = std::find_if(averages.begin(), averages.end(),
                                   [&](const auto& a) { return a.first == std::to_string(i); });
      check(it != averages.end() && it->second.shape() == own[i].shape(),
            "the checkpoint's average {} is missing or of another shape", i);
      assign(own[i], it->second);
    }
  }

  template <class Step>
  double take_step(Step& step, const data::Batch& batch) {
    const auto& s = set_->shape();
    const Tensor x =
        from_host(batch.images.data(), {batch.count, s.channels, s.height, s.width}, DType::f32);
    const Tensor y = from_host(batch.labels.data(), {batch.count}, DType::i64);
    try {
      return step(x, y).item();
    } catch (const Error& e) {
      const bool saved = std::filesystem::exists(run_.checkpoint());
      fail("step {}: {}. {}", step_ + 1, e.what(),
           saved ? fmt::format("The last good checkpoint is {}; start again with a lower --lr",
                               run_.checkpoint())
                 : "No checkpoint was written yet; try a lower --lr");
    }
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

  void save() {
    train::NamedTensors all = train::with_prefix("model", network_->state_dict());
    for (const auto& t : train::with_prefix("optimizer", optimizer_.state_dict())) all.push_back(t);
    for (size_t i = 0; i < ema_.averages().size(); ++i)
      all.emplace_back(fmt::format("ema.{}", i), ema_.averages()[i]);
    all.emplace_back("random.generator", generator());
    train::save_tensors(run_.checkpoint(), all,
                        {{"step", std::to_string(step_)},
                         {"seconds", fmt::format("{}", seconds())},
                         {"threads", std::to_string(num_threads())}},
                        true);
    save_weights();
  }

  // The averaged weights, which are those to use.
  void save_weights() {
    ema_.swap();
    train::save_tensors(run_.weights(), network_->state_dict(),
                        {{"cairn.config", run_.config().dump()}});
    ema_.swap();
  }

  double seconds() const { return seconds_before_ + seconds_since(began_); }

  const TrainOptions& options_;
  const Recipe& recipe_;
  data::ImageDatasetPtr set_, test_;
  data::Normalization normalization_;
  train::RunFolder run_;
  nn::AnyModule network_;
  optim::AdamW optimizer_;
  optim::Ema ema_;
  int64_t batches_per_epoch_ = 0, total_ = 0, step_ = 0;
  double last_loss_ = 0, seconds_before_ = 0;
  Clock::time_point began_ = Clock::now();
};

void check_options(const TrainOptions& o) {
  if (o.epochs < 0) throw UsageError(fmt::format("--epochs: {} is negative", o.epochs));
  if (o.batch < 0) throw UsageError(fmt::format("--batch: {} is negative", o.batch));
  if (o.lr < 0 || !std::isfinite(o.lr))
    throw UsageError(fmt::format("--lr: {} is no finite number above 0", o.lr));
  if (o.save_every < 0) throw UsageError(fmt::format("--save-every: {} is negative", o.save_every));
}

// What the run was started with; only --save-every may change.
void take_over(const Json& config, const std::string& run, TrainOptions& options) {
  try {
    options.data = config.at("data"), options.model = config.at("model"),
    options.seed = config.at("seed");
    options.epochs = config.at("epochs"), options.batch = config.at("batch"),
    options.lr = config.at("lr");
    if (!options.save_every) options.save_every = config.value("save_every", int64_t{0});
  } catch (const nlohmann::json::exception& e) {
    fail("'{}/config.json' is damaged: {}", run, e.what());
  }
}

}  // namespace

Json train(const TrainOptions& given) {
  TrainOptions options = given;
  check_options(options);
  if (options.resume) {
    if (options.out.empty()) throw UsageError("--resume: say which run with --out DIR");
    take_over(train::RunFolder::open(options.out, kTask).config(), options.out, options);
  } else if (options.out.empty()) {
    options.out = train::RunFolder::fresh_name(kTask);
  } else if (train::RunFolder::holds_run(options.out)) {
    fail("{}: this folder already holds a run; go on with --resume, or choose another --out",
         options.out);
  }
  const Splits splits = open_splits(options.data);
  const auto& set = splits.train;
  Recipe recipe = recipe_for(options.model, *set);
  if (options.epochs) recipe.epochs = options.epochs;
  if (options.batch) recipe.batch = options.batch;
  if (options.lr > 0) recipe.lr = options.lr;
  make_network(recipe.model, set->shape(),
               static_cast<int64_t>(set->classes().size()));  // refuses before anything is written
  const data::Normalization normalization = data::measure_normalization(*set);
  auto run = options.resume ? train::RunFolder::open(options.out, kTask)
                            : train::RunFolder::create(
                                  options.out, config_of(options, recipe, *set, normalization));
  run.remove_leftovers();
  Session session(options, recipe, splits, normalization, std::move(run));
  if (options.resume) {
    if (std::filesystem::exists(options.out + "/checkpoint.safetensors")) session.restore();
    else
      fmt::print(stderr, "cairn: {} has no checkpoint yet: starting from the beginning\n",
                 options.out);
  }
  return session.run();
}

}  // namespace cairn::tasks::image_classification
