#include <algorithm>

#include "cairn/base/parallel.h"
#include "cairn/data/loader.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"

namespace cairn::tasks::image_classification {
namespace {

constexpr int64_t kShown = 16;  // pictures of a batch that TensorBoard gets

struct Splits {
  data::ImageDatasetPtr train, held_back, test;  // held_back: none without val_split
};

// All of one kind, and of the kind of the run that is resumed.
Splits open_splits(const Options& o) {
  data::OpenOptions how{.image_size = static_cast<int>(*o.image_size)};
  if (!o.shape.is_open()) how.shape = o.image_shape();
  Splits s{data::open_image_dataset(o.data, data::Split::train, how), nullptr,
           data::open_image_dataset(o.data, data::Split::test, how)};
  if (!(s.train->shape() == s.test->shape()))
    fail("'{}': training images are {}, test images {}; they must be alike", *o.data,
         data::to_string(s.train->shape()), data::to_string(s.test->shape()));
  check(s.train->classes().size() == s.test->classes().size(),
        "'{}': the training split has {} classes, the test split {}; name them all in classes.txt",
        *o.data, s.train->classes().size(), s.test->classes().size());
  check(s.train->classes().size() >= 2, "'{}' has one class, '{}': there is nothing to tell apart",
        *o.data, s.train->classes()[0]);
  if (!o.classes.is_open())
    s.train = with_classes(s.train, o.classes), s.test = with_classes(s.test, o.classes);
  if (!o.val_split.is_open() && o.val_split > 0) {
    const auto parts = data::split_off(s.train->size(), o.val_split, o.seed);
    s.held_back = chosen(s.train, parts.second);
    s.train = chosen(s.train, parts.first);
  }
  return s;
}

// What the data are goes into the configuration, or is compared with it.
void note_data(Options& o, const data::ImageDataset& set) {
  if (!o.examples.is_open() && o.examples != set.size() && !o.quiet)
    fmt::print(stderr, "cairn: '{}' has {} training pictures now, {} when the run began\n", *o.data,
               set.size(), *o.examples);
  o.examples.leave_open(), o.examples.fill(set.size());
  o.classes.fill(set.classes());
  o.shape.fill({set.shape().channels, set.shape().height, set.shape().width});
  if (!o.mean.is_open()) return;
  const data::Normalization measured = data::measure_normalization(set);
  o.mean.fill(measured.mean), o.deviation.fill(measured.deviation);
}

std::string about(const Options& o, const Splits& s) {
  const auto held = s.held_back ? fmt::format(", {} held back", s.held_back->size()) : "";
  return fmt::format("{}: {} pictures to learn from{}, {} to test, {}, {} classes", *o.data,
                     s.train->size(), held, s.test->size(), data::to_string(s.train->shape()),
                     o.classes->size());
}

}  // namespace

Json train(Options o) {
  train::choose_run(kTask, o);
  const Splits splits = open_splits(o);
  note_data(o, *splits.train);
  fill_recipe(o, o.image_shape(), splits.train->size());
  manual_seed(o.seed);
  const nn::AnyModule network =
      make_network(o.model, o.image_shape(), static_cast<int64_t>(o.classes->size()));
  train::settle(o, *network, splits.held_back != nullptr);
  const bool validates = splits.held_back != nullptr;
  train::Supervised session(train::begin_run(kTask, o), {.task = kTask,
                                                         .label = o.model,
                                                         .network = *network,
                                                         .options = o,
                                                         .schedule = optim::one_cycle(o.steps),
                                                         .validates = validates,
                                                         .split = validates ? "validation" : "test",
                                                         .about = about(o, splits)});
  session.restore();
  const int64_t per_epoch = (splits.train->size() + o.batch - 1) / o.batch;
  data::Loader loader(splits.train, {.batch = o.batch,
                                     .epochs = (o.steps + per_epoch - 1) / per_epoch,
                                     .seed = o.seed,
                                     .augment = o.augment(),
                                     .normalization = o.normalization(),
                                     .threads = std::max(1, num_threads() - 1),
                                     .start_step = session.step()});
  Meter meter(network, o.normalization());
  data::Batch batch;
  Json last;
  session.run(
      {.next =
           [&] {
             loader.next(batch);
             return Tensors{batch.x(), batch.y()};
           },
       .loss =
           [&](std::span<const Tensor> in) {
             return cross_entropy((*network)(in[0]), in[1], {.label_smoothing = o.label_smoothing});
           },
       .measure = [&] { return last = meter.measure(validates ? splits.held_back : splits.test); },
       .words = in_words,
       .note =
           [&] {
             return Json{{"epoch", batch.epoch}};
           },
       .pictures =
           [&] {
             const Tensor some = slice(batch.x(), 0, 0, std::min(kShown, batch.count));
             return std::vector<std::pair<std::string, io::Image>>{{"train/batch", tiles(some, 8)}};
           }});
  if (validates || last.is_null()) {  // the last one was not of the kept weights on test
    session.use_kept();
    last = meter.measure(splits.test);
  }
  return session.result("test", last);
}

}  // namespace cairn::tasks::image_classification
