#include <algorithm>

#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"
#include "cairn/base/round.h"
#include "cairn/data/batch_loader.h"
#include "cairn/data/transform.h"
#include "cairn/metrics/diversity.h"
#include "cairn/models/gan.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/adversarial/session.h"
#include "cairn/tasks/image_to_image/task.h"
#include "cairn/train/samples.h"

namespace cairn::tasks::image_to_image {
namespace {

constexpr int64_t kWatched = 32, kLargeSide = 192;
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

// Of what is held back, or else of what is learned from.
data::PairDataset watched_of(const Splits& s) {
  const auto& from = s.validation ? s.validation : s.train;
  return data::taken(from, std::min(kWatched, from->size()));
}

adversarial::Networks networks_of(const models::PictureUNet& generator,
                                  const models::PatchDiscriminator& discriminator, double l1) {
  return {
      generator, discriminator, [=](const Tensor& given) { return generator(given); },
      [=](const Tensor& x, const Tensor& given) {
        return flatten(discriminator(cat({given, x}, 1)));
      },
      [=](const Tensor& made, const Tensor& x, const Tensor&) { return l1_loss(made, x) * l1; }};
}

Batch batch_of(const data::PairDataset& set, const Options& o, const data::BatchPlan& plan) {
  Batch batch{{}, {}, static_cast<int64_t>(plan.samples.size()), plan.place.epoch};
  for (const int64_t sample : plan.samples)
    add_changed(set->get(sample), o, data::sample_stream(o.seed, plan.place.epoch, sample), batch);
  return batch;
}

// How much what is made differs from picture to picture, beside the real ones.
double diversity_of(const data::PairDataset& set, const std::vector<io::Image>& made,
                    const Options& o) {
  data::Pictures drawn = {{static_cast<int>(o.outputs()), o.side(), o.side()}, {}}, real = drawn;
  const auto add = [](const io::Image& image, std::vector<uint8_t>& to) {
    to.insert(to.end(), image.pixels.begin(), image.pixels.end());
  };
  for (int64_t i = 0; i < set->size(); ++i)
    add(made[static_cast<size_t>(i)], drawn.pixels), add(set->get(i).target, real.pixels);
  const double wanted = metrics::spread(real);
  return wanted > 0 ? metrics::spread(drawn) / wanted : 1;
}

// What is made of pairs that are watched, and how near it is.
train::Evaluation look(adversarial::Session& session, Maker& maker,
                       const data::PairDataset& watched, bool held_back) {
  const adversarial::AdversarialTraining::Use use(session.training(), true);
  const std::vector<io::Image> made = make_all(maker, watched);
  const Json seen = measured(watched, made);
  io::Image rows = rows_of(watched, made, kShownRows);
  io::write_png(train::sample_file(session.folder().path(), session.step(), "png"), rows);
  const std::string split = held_back ? "validation" : "train";
  train::Scalars values;
  for (const char* name : {"loss", "psnr", "ssim"})
    if (seen[name].is_number()) values.emplace_back(split + "/" + name, seen[name].get<double>());
  return {.values = values, .line = split + " " + in_words(seen), .images = {{"samples", rows}}};
}

Json learn(const Options& o, const Splits& splits) {
  manual_seed(o.seed);
  const auto generator =
      initialized(models::PictureUNet(o.inputs(), o.outputs(), o.side(), o.width));
  const auto discriminator = initialized(
      models::PatchDiscriminator(o.inputs() + o.outputs(), o.width, o.side() > kLargeSide ? 3 : 2));
  Maker maker(generator);
  const data::PairDataset watched = watched_of(splits);
  adversarial::Session session(
      {.task = kTask,
       .label = "pix2pix",
       .options = o,
       .training = {.loss = nn::gan_loss_from_name(o.loss),
                    .lr = o.lr,
                    .lr_discriminator = o.lr,
                    .betas = {(*o.betas)[0], (*o.betas)[1]},
                    .r1 = o.r1,
                    .ema = o.ema,
                    .gradients = dist::packing_named(*o.gradients),
                    .adversarial = o.adversarial},
       .sample_every = o.sample_every,
       .networks = networks_of(generator, discriminator, o.l1),
       .diversity =
           [&](adversarial::Session& s) {
             const adversarial::AdversarialTraining::Use use(s.training(), false);
             return diversity_of(watched, make_all(maker, watched), o);
           },
       .about =
           fmt::format("{}: {} pairs to learn from, {} held back, {} to test, {} x {}", *o.data,
                       splits.train->size(), splits.validation ? splits.validation->size() : 0,
                       splits.test->size(), o.side(), o.side()),
       .rate = adversarial::falling_in_the_second_half(o.steps)});
  data::BatchLoader<Batch> loader(
      data::Order(splits.train->size(), data::for_rank({.batch = o.batch, .seed = o.seed})),
      {.start_step = session.step(),
       .end_step = o.steps,
       .threads = std::max(1, num_threads() - 1)},
      [&](const data::BatchPlan& plan, Batch& b) { b = batch_of(splits.train, o, plan); });
  Batch b;
  Json result = session.run(
      {.next =
           [&] {
             loader.next(b);
             return Tensors{tensor(b.targets, {b.count, o.outputs(), o.side(), o.side()}),
                            tensor(b.inputs, {b.count, o.inputs(), o.side(), o.side()})};
           },
       .samples = [&] { return look(session, maker, watched, splits.validation != nullptr); },
       .note =
           [&] {
             return Json{{"epoch", b.epoch}};
           }});
  const adversarial::AdversarialTraining::Use use(session.training(), true);
  result["split"] = "test";
  result.update(measured(splits.test, make_all(maker, splits.test)));
  return result;
}

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
  o.l1.require(o.l1 > 0 || o.adversarial > 0,
               "0, and the option adversarial too: nothing would be learned");
  const bool judged = o.adversarial > 0 || o.resume;
  constexpr const char* kOfTheDiscriminator = "means nothing with 0 for the option adversarial";
  o.loss.require(judged || !o.loss.given(), "{}", kOfTheDiscriminator);
  o.r1.require(judged || !o.r1.given(), "{}", kOfTheDiscriminator);
  if (!o.image_size.is_open())
    o.image_size.require(o.image_size % 4 == 0, "{}: a multiple of 4 is wanted", *o.image_size);
  const Splits splits = open_splits(o, o.data);
  train::say_left_out(o.data, splits.left_out);
  train::note_counts(o, {{"pairs to learn from", splits.train->size()}});
  o.fill_usual();
  train::fill_length(o, ceil_div(splits.train->size(), o.batch));
  o.sample_every.fill(std::max<int64_t>(50, o.steps / 20));
  return learn(o, splits);
}

}  // namespace cairn::tasks::image_to_image
