#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"
#include "cairn/data/loader.h"
#include "cairn/tasks/image_gan/diversity.h"
#include "cairn/tasks/image_gan/game.h"
#include "cairn/tasks/image_gan/sampler.h"
#include "cairn/train/gan_signals.h"
#include "cairn/train/saved_model.h"

namespace cairn::tasks::image_gan {
namespace {

constexpr int64_t kLogEvery = 50, kProbeImages = 64, kGridRows = 8;
constexpr uint64_t kProbePurpose = 0x70726f6265;

// A State of doubles, for numbers of the host that a checkpoint keeps.
train::Part numbers_part(const std::string& prefix, std::function<std::vector<double>()> save,
                         std::function<void(const std::vector<double>&)> load) {
  return {prefix,
          [save] {
            const std::vector<double> values = save();
            return train::NamedTensors{
                {"numbers", tensor(values, {static_cast<int64_t>(values.size())})}};
          },
          [prefix, load](const train::NamedTensors& saved) {
            check(saved.size() == 1 && saved[0].second.dtype() == DType::f64,
                  "the checkpoint has no '{}'", prefix);
            load(saved[0].second.to_vector<double>());
          }};
}

// Looks at the moves of each stretch of kLogEvery steps for signs of trouble.
class Watch {
 public:
  Watch(const Recipe& recipe, const data::ImageDataset& set, bool quiet)
      : recipe_(recipe), quiet_(quiet), real_(spreads_of(set, !recipe.conditional)) {}

  void add(const Move& m) {
    ++count_;
    told_apart_ += m.told_apart;
    discriminator_ += m.gradient_discriminator, generator_ += m.gradient_generator;
  }

  // At the end of a stretch: {diversity, signals} for the log.
  Json look(Game& game, int64_t step) {
    diversity_ = measure(game, step);
    const double n = static_cast<double>(std::max<int64_t>(1, count_));
    const bool wasserstein = recipe_.loss == nn::GanLoss::wasserstein;
    Json names = Json::array();
    for (const train::GanSignal& s : signals_.observe({.diversity = diversity_,
                                     .told_apart = wasserstein ? NAN : told_apart_ / n,
                                     .discriminator_gradient = discriminator_ / n,
                                     .generator_gradient = generator_ / n})) {
      names.push_back(s.name);
      if (!quiet_)
        fmt::print(stderr, "{}cairn: step {}: {}\n", isatty(2) ? "\r\033[K" : "", step, s.text);
      all_.push_back({{"step", step}, {"signal", s.name}, {"text", s.text}});
    }
    count_ = 0, told_apart_ = 0, discriminator_ = 0, generator_ = 0;
    Json seen = {{"diversity", diversity_}};
    if (!names.empty()) seen["signals"] = names;
    return seen;
  }
  double diversity() const { return diversity_; }
  const Json& all() const { return all_; }

  train::Part part() {
    return numbers_part(
        "watch",
        [this] {
          std::vector<double> all = {diversity_, static_cast<double>(count_), told_apart_,
                                     discriminator_, generator_};
          for (double number : signals_.state()) all.push_back(number);
          return all;
        },
        [this](const std::vector<double>& v) {
          check(v.size() > 5, "the checkpoint's 'watch' has {} numbers", v.size());
          diversity_ = v[0], count_ = static_cast<int64_t>(v[1]), told_apart_ = v[2];
          discriminator_ = v[3], generator_ = v[4];
          signals_.restore({v.begin() + 5, v.end()});
        });
  }

 private:
  // Of samples of one class, which changes each time, against the images of that class.
  double measure(Game& game, int64_t step) const {
    const auto classes = static_cast<int64_t>(real_.size());
    const int64_t label = step / kLogEvery % classes;
    const std::vector<int64_t> labels(kProbeImages, label);
    const double drawn = game.with_generator(false, [&](const models::Generator& g) {
      return spread(draw(g, philox_derive(recipe_.seed, kProbePurpose), step, labels));
    });
    const double real = real_[static_cast<size_t>(label)];
    return real > 0 ? drawn / real : 1;
  }

  const Recipe& recipe_;
  bool quiet_;
  std::vector<double> real_;
  train::GanSignals signals_;
  int64_t count_ = 0;
  double diversity_ = 0, told_apart_ = 0, discriminator_ = 0, generator_ = 0;
  Json all_ = Json::array();
};

class Session {
 public:
  Session(const TrainOptions& options, const Recipe& recipe, data::ImageDatasetPtr set,
          train::RunFolder run)
      : recipe_(recipe),
        options_(options),
        set_(std::move(set)),
        game_(recipe_),
        watch_(recipe_, *set_, options.quiet),
        trainer_(std::move(run), trainer_options(), parts()) {}

  Json run() {
    if (options_.resume) trainer_.restore();
    const int64_t per_epoch = set_->size() / recipe_.batch;
    const int64_t taken = trainer_.step() * recipe_.critic_steps;
    const std::vector<float> middle(static_cast<size_t>(recipe_.shape.channels), 0.5f);
    data::Loader loader(set_, {.batch = recipe_.batch,
                               .epochs = recipe_.steps * recipe_.critic_steps / per_epoch + 1,
                               .drop_last = true,
                               .seed = recipe_.seed,
                               .normalization = {middle, middle},
                               .threads = std::max(1, num_threads() - 1),
                               .start_epoch = taken / per_epoch,
                               .start_batch = taken % per_epoch});
    if (trainer_.step() == 0) write_samples();
    std::vector<data::Batch> batches(static_cast<size_t>(recipe_.critic_steps));
    trainer_.run({.load =
                      [&] {
                        for (data::Batch& b : batches) loader.next(b);
                      },
                  .step = [&] { return take_step(batches); },
                  .note = [&] { return note(batches.back().epoch); },
                  .evaluate =
                      [&] {
                        write_samples();
                        return train::Evaluation{
                            {{"samples/diversity", watch_.diversity()}},
                            fmt::format("step {:6}/{}  {}  diversity {:.0f} %", trainer_.step(),
                                        recipe_.steps, trainer_.last_logged(),
                                        watch_.diversity() * 100)};
                      },
                  .save_weights = [&] { save_weights(); }});
    return {{"task", kTask},
            {"run", trainer_.folder().path()},
            {"model", recipe_.model},
            {"steps", trainer_.step()},
            {"seconds", trainer_.seconds()},
            {"loss_discriminator", last_.loss_discriminator},
            {"loss_generator", last_.loss_generator},
            {"diversity", watch_.diversity()},
            {"signals", watch_.all()}};
  }

 private:
  train::TrainerOptions trainer_options() const {
    return {.task = kTask,
            .label = recipe_.model,
            .total = recipe_.steps,
            .log_every = kLogEvery,
            .evaluate_every = recipe_.sample_every,
            .options = options_};
  }
  std::vector<train::Part> parts() {
    std::vector<train::Part> all = game_.parts();
    all.push_back(watch_.part());
    return all;
  }

  train::Scalars take_step(const std::vector<data::Batch>& batches) {
    for (size_t i = 0; i + 1 < batches.size(); ++i)
      game_.critic_move(batches[i].x(), batches[i].y());
    last_ = game_.move(batches.back().x(), batches.back().y());
    watch_.add(last_);
    train::Scalars values = {{"loss_discriminator", last_.loss_discriminator},
                             {"loss_generator", last_.loss_generator},
                             {"gradient_discriminator", last_.gradient_discriminator},
                             {"gradient_generator", last_.gradient_generator}};
    if (recipe_.loss != nn::GanLoss::wasserstein)
      values.emplace_back("told_apart", last_.told_apart);
    return values;
  }

  // Asked for each line of the log, and once more where an evaluation follows it.
  Json note(int64_t epoch) {
    if (noted_ != trainer_.step()) seen_ = watch_.look(game_, trainer_.step());
    noted_ = trainer_.step();
    Json all = {{"epoch", epoch}};
    all.update(seen_);
    return all;
  }

  // The same noise each time: how the same pictures become better. A column a class.
  void write_samples() {
    const int64_t columns = recipe_.conditional ? recipe_.labels() : kGridRows;
    const Pictures pictures = game_.with_generator(true, [&](const models::Generator& g) {
      return draw(g, recipe_.seed, 0, labels_in_turn(columns * kGridRows, recipe_.labels()));
    });
    const std::string folder = trainer_.folder().file("samples");
    std::filesystem::create_directories(folder);
    io::write_png(fmt::format("{}/step-{:06}.png", folder, trainer_.step()),
                  grid_of(pictures, static_cast<int>(columns)));
  }

  void save_weights() {
    game_.with_generator(
        true, [&](const models::Generator& g) { trainer_.write_weights(g.state_dict()); });
  }

  const Recipe recipe_;
  const TrainOptions options_;
  data::ImageDatasetPtr set_;
  Game game_;
  Watch watch_;
  train::Trainer trainer_;
  Move last_{};
  int64_t noted_ = -1;
  Json seen_;
};

}  // namespace

Json train(const TrainOptions& given) {
  TrainOptions options = given;
  const Json config = train::RunFolder::choose(kTask, options.out, options.resume);
  Recipe recipe;
  if (options.resume) {
    recipe = recipe_from(config, options.out);
    if (!options.save_every) options.save_every = recipe.save_every;
    options.data = recipe.data, options.image_size = recipe.image_size;
  }
  const auto set = data::open_image_dataset(options.data, data::Split::train,
                                            {.image_size = options.image_size});
  if (!options.resume) recipe = recipe_for(options, *set);
  if (!(set->shape() == recipe.shape) || set->classes() != recipe.classes)
    fail("'{}': images of {} in {} classes, the run was trained on {} in {}", options.data,
         data::to_string(set->shape()), set->classes().size(), data::to_string(recipe.shape),
         recipe.classes.size());
  auto run = train::RunFolder::begin(kTask, options.out, options.resume, to_json(recipe));
  return Session(options, recipe, set, std::move(run)).run();
}

}  // namespace cairn::tasks::image_gan
