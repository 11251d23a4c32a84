#include <algorithm>

#include "cairn/base/parallel.h"
#include "cairn/base/round.h"
#include "cairn/data/loader.h"
#include "cairn/dist/world.h"
#include "cairn/data/picture.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_generation/task.h"
#include "cairn/train/samples.h"

namespace cairn::tasks::image_generation {
namespace {

constexpr int64_t kValidated = 512;  // pictures, at each look
constexpr int64_t kGridRows = 8;

void fill_recipe(Options& o, int64_t pictures) {
  o.fill_usual();
  constexpr const char* kOfLabels = "means nothing without labels: add the option conditional";
  const bool labels = o.resume || o.conditional;
  o.label_drop.require(labels || o.label_drop == kUsualLabelDrop, "{}", kOfLabels);
  o.guidance.require(labels || o.guidance == kUsualGuidance, "{}", kOfLabels);
  o.conditional.require(!o.conditional || o.num_classes() > 1,
                        "the pictures are of {} class; there is nothing to choose from",
                        o.num_classes());
  const int64_t per_epoch = ceil_div(pictures, o.batch);
  train::fill_length(o, per_epoch);
  o.eval_every.fill(std::max(per_epoch, o.steps / 50));
}

// The same noise each time: how the same pictures become better. A column a class.
io::Image write_samples(const models::Painter& painter, const train::Supervised& session,
                        const Options& o) {
  const int64_t columns = o.conditional ? std::min<int64_t>(o.labels(), 20) : kGridRows;
  const auto labels = models::labels_in_turn(columns * kGridRows, o.conditional ? columns : 0);
  io::Image grid = data::grid_of(painter.draw(o.seed, 0, labels), static_cast<int>(columns));
  io::write_png(train::sample_file(session.folder().path(), session.step(), "png"), grid);
  return grid;
}

data::LoaderOptions loader_options(const Options& o, int64_t pictures, int64_t step) {
  const std::vector<float> middle(static_cast<size_t>(o.image_shape().channels), 0.5f);
  return {.batch = o.batch,
          .epochs = o.steps / std::max<int64_t>(pictures / o.batch, 1) + 1,
          .seed = o.seed,
          .normalization = {middle, middle},
          .threads = std::max(1, num_threads() - 1),
          .start_step = step,
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
  o.fill_usual();
  const data::TwoParts parts = train::hold_back(o, set->size());
  const auto learned = data::chosen(set, parts.first);
  const auto held_back = data::evenly_chosen(data::chosen(set, parts.second), kValidated);
  fill_recipe(o, learned->size());
  manual_seed(o.seed);
  const auto network = models::make_density(o.model, o.size());
  train::Supervised session(
      {.task = kTask,
       .label = o.model,
       .network = *network,
       .options = o,
       .schedule =
           optim::warmup(std::min<int64_t>(500, o.steps / 10), optim::cosine(o.steps, 0.01)),
       .validates = true,
       .about =
           fmt::format("{}: {} pictures, {}{}", *o.data, set->size(), data::to_string(set->shape()),
                       o.conditional ? fmt::format(", {} classes", o.labels()) : "")});
  data::Loader loader(learned, loader_options(o, learned->size(), session.step()));
  const models::Painter painter = network->painter(o.how_to_draw());
  Estimator estimator(network);
  const auto measure = [&] { return estimator.measure(held_back, o.seed, o.importance); };
  data::Batch batch;
  session.run(
      {.next =
           [&] {
             loader.next(batch);
             return Tensors{batch.x(), batch.y()};
           },
       .loss =
           [&](std::span<const Tensor> in) {
             return mean(network->objective(
                 in[0], in[1], models::drawn_chance(in[0].size(0), network->chance(o.importance))));
           },
       .measure = measure,
       .words = in_words,
       .note =
           [&] {
             return Json{{"epoch", batch.epoch}};
           },
       .pictures =
           [&] {
             return std::vector<std::pair<std::string, io::Image>>{
                 {"samples", write_samples(painter, session, o)}};
           }});
  session.use_kept();
  return session.result("validation", measure());
}

}  // namespace cairn::tasks::image_generation
