#include <algorithm>
#include <filesystem>

#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"
#include "cairn/data/loader.h"
#include "cairn/metrics/diversity.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/adversarial/monitor.h"
#include "cairn/tasks/image_gan/task.h"
#include "cairn/train/samples.h"

namespace cairn::tasks::image_gan {
namespace {

constexpr int64_t kLogEvery = 50, kProbeImages = 64, kGridRows = 8;
constexpr uint64_t kProbePurpose = 0x70726f6265;

template <class Network>
Network initialized(Network network) {
  models::init_dcgan(network);
  return network;
}

class Session {
 public:
  Session(const Options& options, data::ImageDatasetPtr set, train::RunFolder run)
      : options_(options),
        set_(std::move(set)),
        generator_((manual_seed(options.seed), initialized(models::Generator(options.size())))),
        discriminator_(initialized(
            models::Discriminator(options.size(), models::gan_norm_from_name(options.norm)))),
        painter_(generator_),
        real_spreads_(metrics::spreads_of(*set_, !options.conditional)),
        training_(networks(), training_options()),
        monitor_([this](int64_t step) { return diversity_at(step); }, options.loss != "wasserstein",
                 options.quiet),
        trainer_(std::move(run), trainer_options(), parts()) {}

  Json run() {
    if (options_.resume) trainer_.restore();
    const std::vector<float> middle(static_cast<size_t>(set_->shape().channels), 0.5f);
    const int64_t per_epoch = set_->size() / options_.batch;
    data::Loader loader(set_, {.batch = options_.batch,
                               .epochs = options_.steps * options_.critic_steps / per_epoch + 1,
                               .drop_last = true,
                               .seed = options_.seed,
                               .normalization = {middle, middle},
                               .threads = std::max(1, num_threads() - 1),
                               .start_step = trainer_.step() * options_.critic_steps});
    if (trainer_.step() == 0) write_samples();
    std::vector<data::Batch> batches(static_cast<size_t>(*options_.critic_steps));
    trainer_.run({.load =
                      [&] {
                        for (data::Batch& b : batches) loader.next(b);
                      },
                  .step = [&] { return take_step(batches); },
                  .note = [&] { return note(batches.back().epoch); },
                  .evaluate = [&] { return evaluation(); },
                  .save_weights =
                      [&] {
                        const adversarial::AdversarialTraining::Use use(training_, true);
                        trainer_.write_weights(generator_.state_dict());
                      },
                  .graph = [&] { return training_.graph(); }});
    return {{"task", kTask},
            {"run", trainer_.folder().path()},
            {"model", *options_.model},
            {"steps", trainer_.step()},
            {"seconds", trainer_.seconds()},
            {"loss_discriminator", last_.loss_discriminator},
            {"loss_generator", last_.loss_generator},
            {"diversity", monitor_.diversity()},
            {"signals", monitor_.all()}};
  }

 private:
  adversarial::Networks networks() {
    const auto noise = [z = *options_.z](const Tensor& labels) {
      return randn({labels.size(0), z});
    };
    if (options_.conditional)
      return {generator_, discriminator_,
              [this, noise](const Tensor& labels) { return generator_(noise(labels), labels); },
              [this](const Tensor& x, const Tensor& labels) { return discriminator_(x, labels); }};
    return {generator_, discriminator_,
            [this, noise](const Tensor& labels) { return generator_(noise(labels)); },
            [this](const Tensor& x, const Tensor&) { return discriminator_(x); }};
  }
  adversarial::TrainingOptions training_options() const {
    const Options& o = options_;
    return {.loss = nn::gan_loss_from_name(o.loss),
            .lr = o.lr,
            .lr_discriminator = o.lr_discriminator,
            .betas = {(*o.betas)[0], (*o.betas)[1]},
            .r1 = o.r1,
            .gradient_penalty = o.gradient_penalty,
            .ema = o.ema};
  }
  train::TrainerOptions trainer_options() const {
    const Options& o = options_;
    return {.task = kTask,
            .label = o.model,
            .total = o.steps,
            .log_every = kLogEvery,
            .evaluate_every = o.sample_every,
            .save_every = o.save_every,
            .quiet = o.quiet,
            .stop_after_steps = o.stop_after_steps,
            .about = fmt::format("{}: {} pictures, {}, {} classes{}; {}, {} + {} parameters",
                                 *o.data, set_->size(), data::to_string(set_->shape()),
                                 o.classes->size(), o.conditional ? " (conditional)" : "", *o.model,
                                 generator_.num_parameters(), discriminator_.num_parameters()),
            .networks = {{"weights/generator.", generator_},
                         {"weights/discriminator.", discriminator_}}};
  }
  std::vector<train::Part> parts() {
    std::vector<train::Part> all = training_.parts();
    all.push_back(monitor_.part());
    return all;
  }

  train::Scalars take_step(const std::vector<data::Batch>& batches) {
    for (size_t i = 0; i + 1 < batches.size(); ++i)
      training_.discriminator_step(batches[i].x(), batches[i].y());
    last_ = training_.step(batches.back().x(), batches.back().y());
    monitor_.add(last_);
    train::Scalars values = {{"loss_discriminator", last_.loss_discriminator},
                             {"loss_generator", last_.loss_generator},
                             {"gradient_discriminator", last_.gradient_discriminator},
                             {"gradient_generator", last_.gradient_generator}};
    if (options_.loss != "wasserstein")
      values.emplace_back("discriminator_accuracy", last_.discriminator_accuracy);
    return values;
  }

  // Asked for each line of the log, and once more where an evaluation follows it.
  Json note(int64_t epoch) {
    if (noted_ != trainer_.step()) seen_ = monitor_.observe(trainer_.step());
    noted_ = trainer_.step();
    Json all = {{"epoch", epoch}, {"lr", *options_.lr}};
    all.update(seen_);
    return all;
  }

  // Of samples of one class, which changes each time, against the images of that class.
  double diversity_at(int64_t step) {
    const auto classes = static_cast<int64_t>(real_spreads_.size());
    const int64_t label = step / kLogEvery % classes;
    const adversarial::AdversarialTraining::Use use(training_, false);
    const double drawn =
        metrics::spread(painter_.draw(philox_derive(options_.seed, kProbePurpose), step,
                                      std::vector<int64_t>(kProbeImages, label)));
    const double real = real_spreads_[static_cast<size_t>(label)];
    return real > 0 ? drawn / real : 1;
  }

  train::Evaluation evaluation() {
    return {.line = fmt::format("step {}  loss D {:.3f} G {:.3f}  diversity {:.0f} %",
                                trainer_.step(), trainer_.last_mean("loss_discriminator"),
                                trainer_.last_mean("loss_generator"), monitor_.diversity() * 100),
            .images = {{"samples", write_samples()}}};
  }

  // The same noise each time: how the same pictures become better. A column a class.
  io::Image write_samples() {
    const int64_t columns = options_.conditional ? options_.labels() : kGridRows;
    const adversarial::AdversarialTraining::Use use(training_, true);
    const data::Pictures pictures = painter_.draw(
        options_.seed, 0, models::labels_in_turn(columns * kGridRows, options_.labels()));
    io::Image grid = data::grid_of(pictures, static_cast<int>(columns));
    io::write_png(train::sample_file(trainer_.folder().path(), trainer_.step(), "png"), grid);
    return grid;
  }

  const Options& options_;
  data::ImageDatasetPtr set_;
  models::Generator generator_;
  models::Discriminator discriminator_;
  models::Painter painter_;
  std::vector<double> real_spreads_;
  adversarial::AdversarialTraining training_;
  adversarial::Monitor monitor_;
  train::Trainer trainer_;
  adversarial::StepResult last_{};
  int64_t noted_ = -1;
  Json seen_;
};

}  // namespace

Json train(Options o) {
  train::choose_run(kTask, o);
  auto set = data::open_image_dataset(o.data, data::Split::train, o.how());
  if (!o.classes.is_open()) set = data::with_classes(set, o.classes);
  train::say_left_out(o.data, set->left_out());
  fill_recipe(o, *set);
  return Session(o, set, train::begin_run(kTask, o)).run();
}

}  // namespace cairn::tasks::image_gan
