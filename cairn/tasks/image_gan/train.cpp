#include <algorithm>

#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"
#include "cairn/data/loader.h"
#include "cairn/dist/world.h"
#include "cairn/data/picture.h"
#include "cairn/metrics/diversity.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/adversarial/session.h"
#include "cairn/tasks/image_gan/task.h"
#include "cairn/train/samples.h"

namespace cairn::tasks::image_gan {
namespace {

using adversarial::AdversarialTraining, adversarial::Session;

constexpr int64_t kProbeImages = 64, kGridRows = 8;
constexpr int64_t kLabelSteps = 50;  // the diversity is of one class so long
constexpr uint64_t kProbePurpose = 0x70726f6265;

adversarial::Networks networks_of(const models::Generator& generator,
                                  const models::Discriminator& discriminator, const Options& o) {
  const auto noise = [z = *o.z](const Tensor& labels) { return randn({labels.size(0), z}); };
  if (o.conditional)
    return {generator, discriminator,
            [=](const Tensor& labels) { return generator(noise(labels), labels); },
            [=](const Tensor& x, const Tensor& labels) { return discriminator(x, labels); }};
  return {generator, discriminator, [=](const Tensor& labels) { return generator(noise(labels)); },
          [=](const Tensor& x, const Tensor&) { return discriminator(x); }};
}

// Of samples of one class, which changes each time, against the images of that class.
double diversity_of(const models::Painter& painter, const std::vector<double>& real_spreads,
                    Session& session, uint64_t seed) {
  const size_t label = static_cast<size_t>(session.step() / kLabelSteps) % real_spreads.size();
  const AdversarialTraining::Use use(session.training(), false);
  const double drawn = metrics::spread(
      painter.draw(philox_derive(seed, kProbePurpose), session.step(),
                   std::vector<int64_t>(kProbeImages, static_cast<int64_t>(label))));
  return real_spreads[label] > 0 ? drawn / real_spreads[label] : 1;
}

// The same noise each time: how the same pictures become better. A column a class.
io::Image write_samples(const models::Painter& painter, Session& session, const Options& o) {
  const int64_t columns = o.conditional ? o.labels() : kGridRows;
  const AdversarialTraining::Use use(session.training(), true);
  const auto labels = models::labels_in_turn(columns * kGridRows, o.labels());
  io::Image grid = data::grid_of(painter.draw(o.seed, 0, labels), static_cast<int>(columns));
  io::write_png(train::sample_file(session.folder().path(), session.step(), "png"), grid);
  return grid;
}

data::LoaderOptions loader_options(const Options& o, int64_t images, int64_t step) {
  const std::vector<float> middle(static_cast<size_t>(o.image_shape().channels), 0.5f);
  return {.batch = o.batch,
          .epochs = o.steps * o.critic_steps / (images / o.batch) + 1,
          .drop_last = true,
          .seed = o.seed,
          .normalization = {middle, middle},
          .threads = std::max(1, num_threads() - 1),
          .start_step = step * o.critic_steps,
          .shard = dist::rank(),
          .shards = dist::ranks()};
}

}  // namespace

Json train(Options o) {
  train::choose_run(kTask, o);
  auto set = data::open_image_dataset(o.data, data::Split::train, o.how());
  if (!o.classes.is_open()) set = data::with_classes(set, o.classes);
  train::say_left_out(o.data, set->left_out());
  o.note(*set);
  models::check_gan_image(set->shape().height, set->shape().width);
  adversarial::fill_usual(o, set->size(), o.num_classes());
  manual_seed(o.seed);
  models::Generator generator(o.size());
  models::init_dcgan(generator);
  models::Discriminator discriminator(o.size(), models::gan_norm_from_name(o.norm));
  models::init_dcgan(discriminator);
  const models::Painter painter(generator);
  const std::vector<double> real_spreads = metrics::spreads_of(*set, !o.conditional);
  Session session(
      {.task = kTask,
       .label = o.model,
       .options = o,
       .training = o.training(),
       .critic_steps = o.critic_steps,
       .sample_every = o.sample_every,
       .networks = networks_of(generator, discriminator, o),
       .diversity = [&](Session& s) { return diversity_of(painter, real_spreads, s, o.seed); },
       .about = fmt::format("{}: {} pictures, {}, {} classes{}", *o.data, set->size(),
                            data::to_string(set->shape()), o.classes->size(),
                            o.conditional ? " (conditional)" : "")});
  data::Loader loader(set, loader_options(o, set->size(), session.step()));
  data::Batch batch;
  return session.run(
      {.next =
           [&] {
             loader.next(batch);
             return Tensors{batch.x(), batch.y()};
           },
       .samples =
           [&] {
             return train::Evaluation{.images = {{"samples", write_samples(painter, session, o)}}};
           },
       .note =
           [&] {
             return Json{{"epoch", batch.epoch}};
           }});
}

}  // namespace cairn::tasks::image_gan
