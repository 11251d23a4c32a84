#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "cairn/base/parallel.h"
#include "cairn/base/round.h"
#include "cairn/data/batch_loader.h"
#include "cairn/data/transform.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/object_detection/task.h"

namespace cairn::tasks::object_detection {
namespace {

constexpr int64_t kLargestDefaultSide = 384, kFormsLookedAt = 50;
constexpr int64_t kKeptBytes = int64_t{1} << 30;  // of scaled pictures
constexpr uint64_t kViews = 0x76696577;           // a stream of the seed

// Width and height that most pictures fit well: the mean form of some, the longer side as wanted.
std::vector<int64_t> view_shape(const data::DetectionDataset& set, const Options& o) {
  double form = 0;
  int64_t longer = 0;
  const int64_t looks = std::min(kFormsLookedAt, set->size());
  for (int64_t k = 0; k < looks; ++k) {
    const io::Image image = set->get(k * set->size() / looks).image;
    form += std::log(double(image.width) / image.height) / double(looks);
    longer = std::max<int64_t>(longer, std::max(image.width, image.height));
  }
  const int64_t wanted =
      o.image_size.is_open() ? std::min(longer, kLargestDefaultSide) : *o.image_size;
  const int64_t side = round_up(wanted, models::Detector::kSide);
  const int64_t other =
      round_up(std::llround(double(side) / std::exp(std::abs(form))), models::Detector::kSide);
  return form >= 0 ? std::vector{side, other} : std::vector{other, side};
}

// Pictures as views begin: small, read once. Whatever cannot be read is known before the training.
data::DetectionDataset prepared(const data::DetectionDataset& set, const Options& o) {
  const int width = o.view_width(), height = o.view_height();
  const int64_t most = kKeptBytes / (int64_t{3} * width * height);
  const auto small = data::cached(data::mapped(set,
                                               [width, height](const data::LabelledPicture& p) {
                                                 return data::scaled_to_fit(p, width, height);
                                               }),
                                  most);
  for (int64_t i = 0; i < std::min(most, small->size()); ++i) small->get(i);
  return small;
}

// What is so small that it lies between the points of the finest grid teaches nothing there.
std::string say_small_ones(const data::DetectionDataset& set, const Options& o) {
  constexpr int64_t kPictures = 2000;
  int64_t objects = 0, between = 0;
  const int64_t looks = std::min(kPictures, set->size());
  for (int64_t i = 0; i < looks; ++i)
    for (const data::GroundTruth& object : set->get(i).objects) {
      if (object.crowd || object.difficult) continue;
      ++objects, between += !holds_a_point(object.box);
    }
  if (between == 0) return "";
  return fmt::format(
      "{} of {} objects{} are too small at {} x {}: none of the points, {} pixels apart, lies in "
      "them, and they teach nothing{}",
      between, objects, looks < set->size() ? fmt::format(" in {} pictures", looks) : "",
      o.view_width(), o.view_height(), models::Detector::kStrides[0],
      o.scale > 0 ? " where a view does not enlarge them; the option image-size makes them larger"
                  : "; the option image-size makes them larger");
}

// Classes that no picture to learn from shows; "": there are none. Throws Error where there are no
// others.
std::string say_unseen_classes(const data::DetectionSplits& s, const std::string& source) {
  std::vector<std::string> unseen;
  for (size_t c = 0; c < s.objects_to_learn.size(); ++c)
    if (s.objects_to_learn[c] == 0) unseen.push_back(fmt::format("'{}'", s.classes[c]));
  if (unseen.empty()) return "";
  check(unseen.size() < s.classes.size(),
        "'{}': not one object is marked in the {} pictures to learn from; mark some", source,
        s.train->size());
  constexpr size_t kMostNamed = 10;
  const size_t more = unseen.size() - std::min(unseen.size(), kMostNamed);
  unseen.resize(unseen.size() - more);
  return fmt::format("no picture to learn from shows {}{}: such objects will not be found",
                     fmt::join(unseen, ", "), more ? fmt::format(" and {} more", more) : "");
}

struct Batch {
  std::vector<float> planes, boxes, weights;
  std::vector<int64_t> labels;
  int64_t epoch = 0;
};

void fill(const data::BatchPlan& plan, const data::DetectionDataset& set, const Options& o,
          std::span<const models::DetectorPoint> points, Batch& batch) {
  const auto view = o.view();
  const size_t values = size_t{3} * view.width * view.height;
  batch.planes.resize(plan.samples.size() * values);
  batch.boxes.clear(), batch.weights.clear(), batch.labels.clear();
  batch.epoch = plan.place.epoch;
  for (size_t k = 0; k < plan.samples.size(); ++k) {
    // Of the epoch and the sample alone: the same view on whatever rank.
    const auto random = data::sample_stream(o.seed, batch.epoch, plan.samples[k], kViews);
    const auto picture = data::training_view(set, plan.samples[k], view, random);
    write_planes(picture.image, &batch.planes[k * values]);
    const Targets t = targets_of(picture.objects, points, static_cast<int64_t>(o.classes->size()));
    batch.labels.insert(batch.labels.end(), t.label.begin(), t.label.end());
    batch.boxes.insert(batch.boxes.end(), t.box.begin(), t.box.end());
    batch.weights.insert(batch.weights.end(), t.weight.begin(), t.weight.end());
  }
}

Tensors tensors_of(const Batch& b, const Options& o) {
  const int64_t height = o.view_height(), width = o.view_width();
  const auto count = static_cast<int64_t>(b.planes.size()) / (3 * height * width);
  const int64_t points = static_cast<int64_t>(b.labels.size()) / count;
  return {tensor(b.planes, {count, 3, height, width}), tensor(b.labels, {count, points}),
          tensor(b.boxes, {count, points, 4}), tensor(b.weights, {count, points})};
}

train::Counts counts_of(const data::DetectionSplits& s) {
  train::Counts counts = {{"pictures to learn from", s.train->size()},
                          {"pictures to choose by", s.validation->size()},
                          {"pictures to test", s.test->size()}};
  for (size_t c = 0; c < s.objects.size(); ++c)
    counts.emplace_back(fmt::format("boxes of '{}'", s.classes[c]), s.objects[c]);
  return counts;
}

std::string about(const Options& o, const data::DetectionSplits& s) {
  return fmt::format(
      "{}: {} pictures to learn from, {} to choose by, {} to test, seen at {} x {}, "
      "{} classes",
      *o.data, s.train->size(), s.validation->size(), s.test->size(), o.view_width(),
      o.view_height(), o.classes->size());
}

}  // namespace

data::ViewOptions Options::view() const {
  return {.width = view_width(),
          .height = view_height(),
          .mosaic = mosaic,
          .scale = scale,
          .flip = flip,
          .flip_vertical = flip_vertical,
          .light = light};
}

Json train(Options o) {
  train::choose_run(kTask, o);
  o.val_split.require(o.val_split.is_open() || o.resume || o.val_split > 0,
                      "0: weights are chosen by what is held back; leave it out, or give a part");
  data::DetectionSplits s = o.open();
  check(s.train && s.validation, "'{}' has no pictures to learn from any more", *o.data);
  const std::string unseen = say_unseen_classes(s, o.data);
  if (!unseen.empty()) s.notes.push_back(unseen);
  o.classes.fill(s.classes);
  train::note_counts(o, counts_of(s));
  o.shape.fill(view_shape(s.train, o));
  const auto classes = static_cast<int64_t>(o.classes->size());
  o.fill_usual();
  const data::Order order(
      s.train->size(),
      data::for_rank({.batch = o.batch, .drop_last = s.train->size() > o.batch, .seed = o.seed}));
  train::fill_length(o, order.steps_per_epoch());
  o.eval_every.fill(std::max<int64_t>(order.steps_per_epoch(), o.steps / 25));
  manual_seed(o.seed);
  const models::Detector network(classes, o.width);
  train::settle(o, network, true);  // before reading what takes long
  const auto set = prepared(s.train, o);
  for (const auto& held : {s.validation, s.test})
    for (int64_t i = 0; i < std::min<int64_t>(held->size(), 2000); ++i) held->get(i);
  if (const std::string small = say_small_ones(set, o); !small.empty()) s.notes.push_back(small);
  if (!o.quiet)
    for (const std::string& note : s.notes) fmt::print(stderr, "cairn: {}\n", note);

  train::Supervised session({.task = kTask,
                             .label = "detector",
                             .network = network,
                             .options = o,
                             .schedule = optim::one_cycle(o.steps, 0.1),
                             .validates = true,
                             .decays_matrices_only = true,
                             .about = about(o, s)});
  const auto points = models::Detector::points(o.view_height(), o.view_width());
  data::BatchLoader<Batch> loader(
      order,
      {.start_step = session.step(),
       .end_step = o.steps,
       .threads = std::max(1, num_threads() - 1)},
      [&](const data::BatchPlan& plan, Batch& batch) { fill(plan, set, o, points, batch); });
  Finder finder(network, classes, o.view_width(), o.view_height());
  const auto measure = [&](const data::DetectionDataset& held) {
    return measured(find_all(finder, held), o.classes);
  };
  Batch batch;
  session.run({.next =
                   [&] {
                     loader.next(batch);
                     return tensors_of(batch, o);
                   },
               .loss =
                   [&](std::span<const Tensor> in) {
                     return models::detection_loss(network(in[0]), in[1], in[2], in[3], points);
                   },
               .count =
                   [&](std::span<const Tensor> in) {
                     return reshape(sum(models::points_with_objects(in[1], classes)), {1});
                   },
               .measure = [&] { return measure(s.validation); },
               .words = in_words,
               .note =
                   [&] {
                     return Json{{"epoch", batch.epoch}};
                   }});
  session.use_kept();
  return session.result("test", measure(s.test));
}

}  // namespace cairn::tasks::object_detection
