#include <chrono>
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
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

constexpr int kLogEvery = 50;  // steps between lines of metrics.jsonl

Json config_of(const TrainOptions& o, const Recipe& r, const data::ImageDataset& set, const data::Normalization& n) {
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
          {"threads", num_threads()},
          {"classes", set.classes()},
          {"shape", {set.shape().channels, set.shape().height, set.shape().width}},
          {"mean", n.mean},
          {"deviation", n.deviation}};
}

// Everything that a training changes, and how it is saved and restored.
class Session {
 public:
  Session(const TrainOptions& options, const Recipe& recipe, data::ImageDatasetPtr set, const data::Normalization& normalization, train::RunFolder run)
      : options_(options), recipe_(recipe), set_(std::move(set)), normalization_(normalization), run_(std::move(run)),
        network_((manual_seed(options.seed), make_network(recipe.model, set_->shape(), static_cast<int64_t>(set_->classes().size())))),
        optimizer_(network_->parameters(), {.lr = recipe.lr, .weight_decay = recipe.weight_decay}), ema_(network_->parameters(), recipe.ema) {
    batches_per_epoch_ = (set_->size() + recipe.batch - 1) / recipe.batch;
    total_ = batches_per_epoch_ * recipe.epochs;
  }

  void restore() {
    const train::Loaded loaded = train::load_checkpoint(run_.checkpoint());
    network_->load_state_dict(loaded.part("model"));
    optimizer_.load_state_dict(loaded.part("optimizer"));
    const auto averages = loaded.part("ema");
    check(averages.size() == ema_.averages().size(), "{}: the checkpoint has {} averages, the network {}", run_.checkpoint(), averages.size(), ema_.averages().size());
    for (const auto& [name, tensor] : averages) assign(ema_.averages()[std::stoul(name)], tensor);
    assign(generator(), loaded.part("random").at(0).second);
    step_ = std::stoll(loaded.metadata.at("step"));
    seconds_before_ = std::stod(loaded.metadata.at("seconds"));
    const std::string threads = loaded.metadata.at("threads");
    if (threads != std::to_string(num_threads()))
      fmt::print(stderr, "cairn: the run was made with {} threads and goes on with {}: results agree within rounding, not to the bit\n", threads, num_threads());
  }

  Json run() {
    const bool resumed = step_ > 0;
    io::JsonlWriter metrics(run_.metrics(), resumed ? std::optional<int64_t>(step_) : std::nullopt);
    io::EventWriter events(run_.path(), resumed ? step_ : 0);
    train::SignalScope signals;
    const auto test = data::open_image_dataset(options_.data, data::Split::test);
    data::Loader loader(set_, {.batch = recipe_.batch, .epochs = recipe_.epochs, .seed = options_.seed, .augment = recipe_.augment,
                               .normalization = normalization_, .threads = std::max(1, num_threads() - 1),
                               .start_epoch = step_ / batches_per_epoch_, .start_batch = step_ % batches_per_epoch_});
    optim::Scheduler schedule(optimizer_, optim::one_cycle(total_), step_);
    auto step = compile([this](Tensor x, Tensor y) {
      const Tensor loss = check_finite(cross_entropy((*network_)(x), y, {.label_smoothing = recipe_.label_smoothing}));
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
        metrics.write({{"step", step_}, {"epoch", batch.epoch}, {"loss", loss}, {"lr", optimizer_.lr()}});
        events.add_scalar("train/loss", step_, static_cast<float>(loss));
        loss_sum = 0, loss_count = 0;
        last_loss_ = loss;
      }
      progress.update(step_, fmt::format("loss {:.4f}", last_loss_));
      if (batch.last) {
        last = test_now(*test);
        metrics.write({{"step", step_}, {"epoch", batch.epoch}, {"test_accuracy", last["accuracy"]}, {"test_loss", last["loss"]}, {"seconds", seconds()}});
        events.add_scalar("test/accuracy", step_, last["accuracy"].get<float>());
        progress.line(fmt::format("epoch {:2}/{}  loss {:.4f}  test accuracy {:.2f} %  {}", batch.epoch + 1, recipe_.epochs, last_loss_,
                                  last["accuracy"].get<double>() * 100, train::readable_seconds(seconds())));
        save();
      }
      if (const int signal = train::SignalScope::caught(); signal || (options_.stop_after_steps && step_ >= options_.stop_after_steps)) {
        save();
        throw train::Stopped(signal, fmt::format("stopped at step {} of {}; saved. Go on with: cairn train {} --out {} --resume", step_, total_, kTask, run_.path()));
      }
    }
    if (last.is_null()) last = test_now(*test);  // a finished run that is resumed
    last["run"] = run_.path();
    last["model"] = recipe_.model;
    last["steps"] = step_;
    last["seconds"] = seconds();
    return last;
  }

 private:
  template <class Step>
  double take_step(Step& step, const data::Batch& batch) {
    const auto& s = set_->shape();
    const Tensor x = from_host(batch.images.data(), {batch.count, s.channels, s.height, s.width}, DType::f32);
    const Tensor y = from_host(batch.labels.data(), {batch.count}, DType::i64);
    try {
      return step(x, y).item();
    } catch (const Error& e) {
      const bool saved = std::filesystem::exists(run_.checkpoint());
      fail("step {}: {}. {}", step_ + 1, e.what(), saved ? fmt::format("The last good checkpoint is {}", run_.checkpoint()) : "No checkpoint was written yet; try a lower --lr");
    }
  }

  // With the averaged weights.
  Json test_now(const data::ImageDataset& test) {
    ema_.swap();
    network_->eval();
    Json result = measure(*network_, test, data::Split::test, normalization_);
    network_->train();
    ema_.swap();
    return result;
  }

  void save() {
    train::NamedTensors all = train::with_prefix("model", network_->state_dict());
    for (const auto& t : train::with_prefix("optimizer", optimizer_.state_dict())) all.push_back(t);
    for (size_t i = 0; i < ema_.averages().size(); ++i) all.emplace_back(fmt::format("ema.{}", i), ema_.averages()[i]);
    all.emplace_back("random.generator", generator());
    train::save_tensors(run_.checkpoint(), all,
                        {{"step", std::to_string(step_)}, {"seconds", fmt::format("{}", seconds())}, {"threads", std::to_string(num_threads())}}, true);
    ema_.swap();
    train::save_tensors(run_.weights(), network_->state_dict(), {{"cairn.config", run_.config().dump()}});
    ema_.swap();
  }

  double seconds() const { return seconds_before_ + seconds_since(began_); }

  const TrainOptions& options_;
  const Recipe& recipe_;
  data::ImageDatasetPtr set_;
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
  if (o.lr < 0) throw UsageError(fmt::format("--lr: {} is negative", o.lr));
}

}  // namespace

Json train(const TrainOptions& given) {
  TrainOptions options = given;
  check_options(options);
  if (options.resume) {
    if (options.out.empty()) throw UsageError("--resume: say which run with --out DIR");
    const auto run = train::RunFolder::open(options.out, kTask);
    const Json& c = run.config();
    options.data = c.at("data"), options.model = c.at("model"), options.seed = c.at("seed");
    options.epochs = c.at("epochs"), options.batch = c.at("batch"), options.lr = c.at("lr");
  } else if (options.out.empty()) {
    options.out = train::RunFolder::fresh_name(kTask);
  } else if (train::RunFolder::holds_run(options.out)) {
    fail("{}: this folder already holds a run; go on with --resume, or choose another --out", options.out);
  }
  const auto set = data::open_image_dataset(options.data, data::Split::train);
  Recipe recipe = recipe_for(options.model, *set);
  if (options.epochs) recipe.epochs = options.epochs;
  if (options.batch) recipe.batch = options.batch;
  if (options.lr > 0) recipe.lr = options.lr;
  make_network(recipe.model, set->shape(), static_cast<int64_t>(set->classes().size()));  // refuses before anything is written
  const data::Normalization normalization = data::measure_normalization(*set);
  auto run = options.resume ? train::RunFolder::open(options.out, kTask)
                            : train::RunFolder::create(options.out, config_of(options, recipe, *set, normalization));
  Session session(options, recipe, set, normalization, std::move(run));
  if (options.resume) {
    if (std::filesystem::exists(options.out + "/checkpoint.safetensors")) session.restore();
    else fmt::print(stderr, "cairn: {} has no checkpoint yet: starting from the beginning\n", options.out);
  }
  return session.run();
}

}  // namespace cairn::tasks::image_classification
