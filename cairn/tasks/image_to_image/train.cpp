#include <algorithm>

#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"
#include "cairn/data/batch_loader.h"
#include "cairn/data/transform.h"
#include "cairn/metrics/diversity.h"
#include "cairn/models/gan.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/adversarial/monitor.h"
#include "cairn/tasks/image_to_image/task.h"
#include "cairn/train/samples.h"

namespace cairn::tasks::image_to_image {
namespace {

constexpr int64_t kLogEvery = 50, kWatched = 32;
constexpr size_t kShownRows = 6;
constexpr uint64_t kTestPart = 0x74657374;  // a stream of the seed
constexpr double kTest = 0.2;

struct Batch {
  std::vector<float> inputs, targets;
  int64_t count = 0, epoch = 0;
};

io::Image mirrored(const io::Image& image) {
  io::Image out(image.width, image.height, image.channels);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      std::copy_n(image.at(image.width - 1 - x, y), image.channels, out.at(x, y));
  return out;
}

io::Image cut(const io::Image& image, int left, int top, int side) {
  io::Image out(side, side, image.channels);
  for (int y = 0; y < side; ++y)
    std::copy_n(image.at(left, top + y), static_cast<size_t>(side) * image.channels, out.at(0, y));
  return out;
}

// The same change of both.
void add_changed(const data::PicturePair& pair, const Options& o, PhiloxStream random,
                 Batch& batch) {
  const int side = o.side(), larger = side + static_cast<int>(*o.jitter * side + 0.5);
  const auto room = static_cast<uint32_t>(larger - side + 1);
  const bool flip = o.flip && random.chance(0.5f);
  const int left = static_cast<int>(random.below(room)), top = static_cast<int>(random.below(room));
  const auto add = [&](const io::Image& image, std::vector<float>& to) {
    io::Image changed = cut(io::resize(image, larger, larger), left, top, side);
    if (flip) changed = mirrored(changed);
    to.resize(to.size() + changed.pixels.size());
    write_planes(changed, to.data() + to.size() - changed.pixels.size());
  };
  add(pair.input, batch.inputs), add(pair.target, batch.targets);
}

template <class Network>
Network initialized(Network network) {
  models::init_dcgan(network);
  return network;
}

class Session {
 public:
  Session(const Options& options, const Splits& splits, train::RunFolder run)
      : options_(options),
        splits_(splits),
        watched_(watched_of(splits)),
        generator_((manual_seed(options.seed),
                    initialized(models::PictureUNet(options.inputs(), options.outputs(),
                                                    options.side(), options.width)))),
        discriminator_(initialized(models::PatchDiscriminator(
            options.inputs() + options.outputs(), options.width, options.side() > 192 ? 3 : 2))),
        maker_(generator_),
        training_(networks(), {.loss = nn::gan_loss_from_name(options.loss),
                               .lr = options.lr,
                               .lr_discriminator = options.lr,
                               .betas = {(*options.betas)[0], (*options.betas)[1]},
                               .ema = options.ema,
                               .gradients = dist::packing_named(*options.gradients),
                               .adversarial = options.adversarial}),
        monitor_([this](int64_t) { return diversity(); },
                 nn::scores_tell(nn::gan_loss_from_name(options.loss)), options.quiet),
        trainer_(std::move(run), trainer_options(), parts()) {}

  Json run() {
    if (options_.resume) trainer_.restore();
    const Options& o = options_;
    data::BatchLoader<Batch> loader(
        data::Order(splits_.train->size(), data::for_rank({.batch = o.batch, .seed = o.seed})),
        {.start_step = trainer_.step(),
         .end_step = o.steps,
         .threads = std::max(1, num_threads() - 1)},
        [this](const data::BatchPlan& plan, Batch& batch) { fill(plan, batch); });
    Batch batch;
    trainer_.run({.load = [&] { loader.next(batch); },
                  .step = [&] { return take_step(batch); },
                  .note = [&] { return note(batch.epoch); },
                  .evaluate = [&] { return evaluation(); },
                  .save_weights =
                      [&] {
                        const adversarial::AdversarialTraining::Use use(training_, true);
                        trainer_.write_weights(generator_.state_dict());
                      },
                  .graph = [&] { return training_.graph(); }});
    const adversarial::AdversarialTraining::Use use(training_, true);
    Json result = {{"task", kTask},
                   {"run", trainer_.folder().path()},
                   {"steps", trainer_.step()},
                   {"seconds", trainer_.seconds()},
                   {"split", "test"},
                   {"signals", monitor_.all()}};
    result.update(measured(splits_.test, make_all(maker_, splits_.test)));
    return result;
  }

 private:
  // Of what is held back, or else of what is learned from.
  static data::PairDataset watched_of(const Splits& s) {
    const auto& from = s.validation ? s.validation : s.train;
    return data::taken(from, std::min(kWatched, from->size()));
  }

  adversarial::Networks networks() {
    return {generator_, discriminator_, [this](const Tensor& given) { return generator_(given); },
            [this](const Tensor& x, const Tensor& given) {
              return flatten(discriminator_(cat({given, x}, 1)));
            },
            [this](const Tensor& made, const Tensor& x, const Tensor&) {
              return l1_loss(made, x) * *options_.l1;
            }};
  }
  train::TrainerOptions trainer_options() const {
    const Options& o = options_;
    return {.task = kTask,
            .label = "pix2pix",
            .total = o.steps,
            .log_every = kLogEvery,
            .evaluate_every = o.sample_every,
            .save_every = o.save_every,
            .quiet = o.quiet,
            .stop_after_steps = o.stop_after_steps,
            .about = fmt::format("{}: {} pairs to learn from, {} held back, {} to test, {} x {}; "
                                 "{} + {} parameters",
                                 *o.data, splits_.train->size(),
                                 splits_.validation ? splits_.validation->size() : 0,
                                 splits_.test->size(), o.side(), o.side(),
                                 generator_.num_parameters(), discriminator_.num_parameters()),
            .networks = {{"weights/generator.", generator_},
                         {"weights/discriminator.", discriminator_}}};
  }
  std::vector<train::Part> parts() {
    std::vector<train::Part> all = training_.parts();
    all.push_back(monitor_.part());
    return all;
  }

  void fill(const data::BatchPlan& plan, Batch& batch) const {
    batch.inputs.clear(), batch.targets.clear();
    batch.count = static_cast<int64_t>(plan.samples.size()), batch.epoch = plan.place.epoch;
    for (const int64_t sample : plan.samples)
      add_changed(splits_.train->get(sample), options_,
                  data::sample_stream(options_.seed, plan.place.epoch, sample), batch);
  }

  // Of step number `step`: constant, then a line to 0 at the end.
  double rate_at(int64_t step) const {
    return std::min(1.0,
                    2 * (1 - static_cast<double>(step) / static_cast<double>(*options_.steps)));
  }

  train::Scalars take_step(const Batch& b) {
    const int64_t side = options_.side();
    training_.scale_rates(rate_at(trainer_.step()));
    last_ = training_.step(tensor(b.targets, {b.count, options_.outputs(), side, side}),
                           tensor(b.inputs, {b.count, options_.inputs(), side, side}));
    monitor_.add(last_);
    return {{"loss_discriminator", last_.loss_discriminator},
            {"loss_generator", last_.loss_generator},
            {"gradient_discriminator", last_.gradient_discriminator},
            {"gradient_generator", last_.gradient_generator}};
  }

  // Asked for each line of the log, and once more where an evaluation follows it.
  Json note(int64_t epoch) {
    if (noted_ != trainer_.step()) seen_ = monitor_.observe(trainer_.step());
    noted_ = trainer_.step();
    Json all = {{"epoch", epoch},
                {"lr", *options_.lr * rate_at(std::max<int64_t>(0, trainer_.step() - 1))}};
    all.update(seen_);
    return all;
  }

  // How much what is made differs from picture to picture, beside the real ones.
  double diversity() {
    const adversarial::AdversarialTraining::Use use(training_, false);
    const std::vector<io::Image> made = make_all(maker_, watched_);
    data::Pictures drawn = {
        {static_cast<int>(options_.outputs()), options_.side(), options_.side()}, {}};
    data::Pictures real = drawn;
    for (int64_t i = 0; i < watched_->size(); ++i) {
      const auto add = [](const io::Image& image, std::vector<uint8_t>& to) {
        to.insert(to.end(), image.pixels.begin(), image.pixels.end());
      };
      add(made[static_cast<size_t>(i)], drawn.pixels), add(watched_->get(i).target, real.pixels);
    }
    const double wanted = metrics::spread(real);
    return wanted > 0 ? metrics::spread(drawn) / wanted : 1;
  }

  train::Evaluation evaluation() {
    const adversarial::AdversarialTraining::Use use(training_, true);
    const std::vector<io::Image> made = make_all(maker_, watched_);
    const Json seen = measured(watched_, made);
    io::Image rows = rows_of(watched_, made, kShownRows);
    io::write_png(train::sample_file(trainer_.folder().path(), trainer_.step(), "png"), rows);
    const std::string split = splits_.validation ? "validation" : "train";
    train::Scalars values;
    for (const char* name : {"loss", "psnr", "ssim"})
      if (seen[name].is_number()) values.emplace_back(split + "/" + name, seen[name].get<double>());
    return {.values = values,
            .line = fmt::format("step {}  loss D {:.3f} G {:.3f}  {} {}", trainer_.step(),
                                trainer_.last_mean("loss_discriminator"),
                                trainer_.last_mean("loss_generator"), split, in_words(seen)),
            .images = {{"samples", rows}}};
  }

  const Options& options_;
  const Splits& splits_;
  data::PairDataset watched_;
  models::PictureUNet generator_;
  models::PatchDiscriminator discriminator_;
  Maker maker_;
  adversarial::AdversarialTraining training_;
  adversarial::Monitor monitor_;
  train::Trainer trainer_;
  adversarial::StepResult last_{};
  int64_t noted_ = -1;
  Json seen_;
};

}  // namespace

Splits open_splits(Options& o, const std::string& source) {
  const bool known = !o.shape.is_open();
  const data::PairSplits files = data::open_picture_pairs(
      source, {.input_is_left = o.given == "left",
               .side = known                    ? o.side()
                       : o.image_size.is_open() ? 0
                                                : static_cast<int>(*o.image_size),
               .skip_bad = o.skip_bad});
  o.shape.fill({files.channels[0], files.channels[1], files.side, files.side_by_side ? 1 : 0});
  Splits s{files.train, {}, files.test, files.left_out};
  const auto hold_back = [&](double part, uint64_t seed, const char* what) {
    const auto parts = data::split_off(s.train->size(), part, seed);
    if (parts.first.empty() || parts.second.empty())
      throw InvalidOption("data", fmt::format("'{}' has {} pairs: none is left to {}", source,
                                              s.train->size(), what));
    const auto second = data::chosen(s.train, parts.second);
    s.train = data::chosen(s.train, parts.first);
    return second;
  };
  if (!s.test) s.test = hold_back(kTest, philox_derive(o.seed, kTestPart), "test");
  if (o.val_split > 0) s.validation = hold_back(o.val_split, o.seed, "hold back");
  if (!known) return s;
  // Pictures of other channels than those that were learned from are fitted to them.
  for (data::PairDataset* set : {&s.train, &s.validation, &s.test})
    if (*set)
      *set = data::mapped(*set, [in = static_cast<int>(o.inputs()),
                                 out = static_cast<int>(o.outputs())](data::PicturePair p) {
        p.input = io::with_channels(p.input, in), p.target = io::with_channels(p.target, out);
        return p;
      });
  return s;
}

Json train(Options o) {
  train::choose_run(kTask, o);
  if (!o.image_size.is_open())
    o.image_size.require(o.image_size % 4 == 0, "{}: a multiple of 4 is wanted", *o.image_size);
  const Splits splits = open_splits(o, o.data);
  train::say_left_out(o.data, splits.left_out);
  train::note_counts(o, {{"pairs to learn from", splits.train->size()}});
  o.fill_usual();
  train::fill_length(o, (splits.train->size() + o.batch - 1) / o.batch);
  o.sample_every.fill(std::max<int64_t>(50, o.steps / 20));
  return Session(o, splits, train::begin_run(kTask, o)).run();
}

}  // namespace cairn::tasks::image_to_image
