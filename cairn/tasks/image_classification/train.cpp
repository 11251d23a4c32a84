#include <algorithm>

#include "cairn/base/parallel.h"
#include "cairn/base/round.h"
#include "cairn/data/loader.h"
#include "cairn/dist/world.h"
#include "cairn/data/splits.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/report/filters.h"

namespace cairn::tasks::image_classification {
namespace {

constexpr int64_t kShown = 16;  // pictures of a batch that TensorBoard gets

// Small grey pictures whose mirror images are others are taken for digits.
std::string usual_model(const data::ImageShape& shape, bool mirrors) {
  constexpr int kSmall = 48;  // sides over which airbench's three stages see enough
  constexpr int kTiny = 16;   // sides that they, and resnet9's, do not take
  if (shape.channels == 1 && shape.height == 28 && shape.width == 28 && !mirrors) return "lenet";
  if (std::min(shape.height, shape.width) < kTiny) return "resnet18";
  return std::max(shape.height, shape.width) <= kSmall ? "airbench" : "resnet9";
}

int64_t usual_epochs(const std::string& model, int64_t images) {
  const bool many = images > 40000;
  if (model == "airbench") return many ? 20 : 40;
  return model == "lenet" ? (many ? 12 : 8) : 10;
}

bool leaves_out_last(const Options& o, int64_t images) {
  return data::ends_alone(images, o.batch, dist::ranks());
}

int64_t steps_per_epoch(const Options& o, int64_t images) {
  return leaves_out_last(o, images) ? images / o.batch : ceil_div(images, *o.batch);
}

// Fills what is open with what suits the pictures.
void fill_recipe(Options& o, int64_t images) {
  o.model.fill(usual_model(o.image_shape(), o.flip));
  o.flip_test.fill(o.model == "airbench" && o.flip);
  o.fill_usual();
  const int64_t per_epoch = steps_per_epoch(o, images);
  train::fill_length(o, per_epoch, usual_epochs(o.model, images));
  o.eval_every.fill(per_epoch);
}

// Of pictures that are mixed: to the parts of which they are of both classes.
Tensor loss_of(const Tensor& logits, std::span<const Tensor> batch, const Options& o) {
  CrossEntropyOptions how{.label_smoothing = o.label_smoothing};
  if (batch.size() == 2) return cross_entropy(logits, batch[1], how);
  how.reduction = Reduction::none;
  const Tensor own = cross_entropy(logits, batch[1], how),
               partners = cross_entropy(logits, batch[2], how);
  return mean(partners + (own - partners) * batch[3]);
}

// Some of the training pictures, as the network sees them.
Tensor some_pictures(const data::ImageDatasetPtr& set, const Options& o) {
  constexpr int64_t kPixels = 1 << 20;  // of a thousand small pictures, or of fewer
  const int64_t enough = kPixels / (o.image_shape().height * o.image_shape().width);
  data::Loader loader(set, {.batch = std::clamp<int64_t>(enough, 1, set->size()),
                            .seed = o.seed,
                            .normalization = o.normalization(),
                            .threads = 1});
  data::Batch batch;
  loader.next(batch);
  return batch.x();
}

}  // namespace

Json train(Options o) {
  train::choose_run(kTask, o);
  const auto splits = data::open_image_splits(o.data, o.how(), o.classes,
                                              o.val_split.is_open() ? 0 : *o.val_split, o.seed);
  train::say_left_out(o.data, splits.left_out());
  o.note(*splits.train);
  const int64_t images = splits.train->size();
  fill_recipe(o, images);
  manual_seed(o.seed);
  const nn::AnyModule network =
      models::make_image_classifier(o.model, o.image_shape(), o.num_classes());
  models::look_at_pictures(network, [&] { return some_pictures(splits.train, o); });
  const bool validates = splits.held_back != nullptr;
  train::Supervised session({.task = kTask,
                             .label = o.model,
                             .network = *network,
                             .options = o,
                             .schedule = optim::one_cycle(o.steps),
                             .validates = validates,
                             .split = validates ? "validation" : "test",
                             .smooths_targets = o.label_smoothing > 0 || o.mixing().any(),
                             .about = data::in_words(o.data, splits)});
  data::Loader loader(splits.train, {.batch = o.batch,
                                     .epochs = ceil_div(*o.steps, steps_per_epoch(o, images)),
                                     .drop_last = leaves_out_last(o, images),
                                     .seed = o.seed,
                                     .augment = o.changes(),
                                     .mixing = o.mixing(),
                                     .normalization = o.normalization(),
                                     .threads = std::max(1, num_threads() - 1),
                                     .start_step = session.step(),
                                     .shard = dist::rank(),
                                     .shards = dist::ranks()});
  Meter meter(network, o);
  data::Batch batch;
  Json last;
  session.run(
      {.next =
           [&] {
             loader.next(batch);
             Tensors in = {batch.x(), batch.y()};
             if (o.mixing().any()) in.insert(in.end(), {batch.partners_y(), batch.own_part()});
             return in;
           },
       .loss = [&](std::span<const Tensor> in) { return loss_of((*network)(in[0]), in, o); },
       .measure = [&] { return last = meter.measure(validates ? splits.held_back : splits.test); },
       .words = in_words,
       .note =
           [&] {
             return Json{{"epoch", batch.epoch}};
           },
       .pictures =
           [&] {
             const Tensor some = slice(batch.x(), 0, 0, std::min(kShown, batch.count));
             return std::vector<std::pair<std::string, io::Image>>{
                 {"train/batch", train::report::tiles(some, 8)}};
           }});
  if (validates || last.is_null()) {  // the last one was not of the kept weights on test
    session.use_kept();
    last = meter.measure(splits.test);
  }
  return session.result("test", last);
}

}  // namespace cairn::tasks::image_classification
