#include <algorithm>
#include <cmath>

#include "cairn/base/parallel.h"
#include "cairn/base/quote.h"
#include "cairn/data/batch_loader.h"
#include "cairn/data/transform.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/video_classification/task.h"
#include "cairn/train/signals.h"

namespace cairn::tasks::video_classification {
namespace {

struct Batch {
  std::vector<float> x;
  std::vector<int64_t> y;
};

// What is changed in all frames of a clip alike; which frames are seen.
struct Change {
  double begin, step;       // frames
  double scale, left, top;  // a pixel of the result is scale * itself + (left, top)
  bool mirrored;
  double contrast, brightness;  // value * contrast + brightness
  int cut_x, cut_y, cut;        // a square of the mean
};

Change draw_change(const Options& o, const data::ClipShape& s, PhiloxStream random) {
  const auto within = [&](double part) {
    return random.uniform(static_cast<float>(-part), static_cast<float>(part));
  };
  Change c{};
  const double span = random.uniform(static_cast<float>(*o.window), static_cast<float>(s.frames));
  c.step = o.window > 1 ? (span - 1) / static_cast<double>(*o.window - 1) : 0;
  c.begin = random.uniform(0, static_cast<float>(s.frames - span));
  c.scale = 1 / (1 + within(o.scale));
  c.left = s.width * ((1 - c.scale) / 2 + within(o.shift));
  c.top = s.height * ((1 - c.scale) / 2 + within(o.shift));
  c.mirrored = o.flip && random.chance(0.5f);
  c.contrast = 1 + within(o.contrast);
  c.brightness = within(*o.contrast / 2);
  c.cut = static_cast<int>(*o.cutout * std::min(s.height, s.width));
  c.cut_x = static_cast<int>(random.below(static_cast<uint32_t>(s.width)));
  c.cut_y = static_cast<int>(random.below(static_cast<uint32_t>(s.height)));
  return c;
}

// Between four pixels; beyond the border its last ones go on.
struct Places {
  std::vector<int> first, second;
  std::vector<float> part;  // of the second
};
Places places_of(int size, double scale, double offset, bool mirrored) {
  Places p;
  for (int i = 0; i < size; ++i) {
    const int from = mirrored ? size - 1 - i : i;
    const double at = std::clamp((from + 0.5) * scale + offset - 0.5, 0.0, size - 1.0);
    const int low = static_cast<int>(at);
    p.first.push_back(low), p.second.push_back(std::min(low + 1, size - 1));
    p.part.push_back(static_cast<float>(at - low));
  }
  return p;
}

void add_changed(const data::Clip& clip, const data::ClipShape& s, const Options& o,
                 const Change& c, std::vector<float>& out) {
  const Places xs = places_of(s.width, c.scale, c.left, c.mirrored),
               ys = places_of(s.height, c.scale, c.top, false);
  const auto contrast = static_cast<float>(c.contrast / 255),
             brightness = static_cast<float>(c.brightness + 0.5 * (1 - c.contrast));
  const auto frames = static_cast<int>(*o.window);
  const auto covered = [&](int x, int y) {
    return std::abs(2 * (x - c.cut_x)) < c.cut && std::abs(2 * (y - c.cut_y)) < c.cut;
  };
  for (int channel = 0; channel < s.channels; ++channel)
    for (int f = 0; f < frames; ++f) {
      const int at = std::min(static_cast<int>(c.begin + f * c.step + 0.5), s.frames - 1);
      const uint8_t* frame = &clip.pixels[static_cast<size_t>(channel * s.frames + at) * s.plane()];
      for (int y = 0; y < s.height; ++y) {
        const uint8_t *above = frame + ys.first[y] * s.width,
                      *below = frame + ys.second[y] * s.width;
        const float down = ys.part[y];
        for (int x = 0; x < s.width; ++x) {
          const int l = xs.first[x], r = xs.second[x];
          const float across = xs.part[x];
          const float high = static_cast<float>(above[l]) + across * float(above[r] - above[l]);
          const float low = static_cast<float>(below[l]) + across * float(below[r] - below[l]);
          const float value = (high + down * (low - high)) * contrast + brightness;
          out.push_back(covered(x, y) ? 0.5f : std::clamp(value, 0.0f, 1.0f));
        }
      }
    }
}

// Trains one network on the clips of `places`; what it measures on `held_back` is of `split`.
class Training {
 public:
  Training(Options& o, const data::ClipSet& set, data::TwoParts parts, bool validates,
           const std::string& split)
      : o_(o),
        set_(set),
        parts_(std::move(parts)),
        shape_(o.clip_shape()),
        order_(std::ssize(parts_.first),
               data::for_rank({.batch = o.batch,
                               .drop_last = std::ssize(parts_.first) >=
                                            o.batch,  // a short one's means are poor
                               .seed = o.seed})) {
    train::fill_length(o, order_.steps_per_epoch());
    o.eval_every.fill(std::max<int64_t>(order_.steps_per_epoch(), *o.steps / 20));
    manual_seed(o.seed);
    network_.emplace(models::make_video_classifier(o.model, shape_.channels, std::ssize(*o.classes),
                                                   o.width, o.dropout));
    meter_.emplace(*network_, o);
    session_.emplace(train::Supervised::Setup{
        .task = kTask,
        .label = o.model,
        .network = **network_,
        .options = o,
        .schedule = optim::one_cycle(o.steps),
        .validates = validates,
        .split = split,
        .smooths_targets = o.label_smoothing > 0,
        .decays_matrices_only = true,
        .about = fmt::format(
            "{}: {} videos to learn from, {}, {} frames of {} x {}, {} classes", *o.data,
            parts_.first.size(),
            split == "train" ? "none held back" : fmt::format("{} held back", parts_.second.size()),
            shape_.frames, shape_.height, shape_.width, o.classes->size())});
  }

  train::Supervised& session() { return *session_; }

  void run() {
    data::BatchLoader<Batch> loader(
        order_,
        {.start_step = session_->step(),
         .end_step = o_.steps,
         .threads = std::max(1, num_threads() - 1)},
        [this](const data::BatchPlan& plan, Batch& batch) { fill(plan, batch); });
    Batch batch;
    session_->run({.next =
                       [&] {
                         loader.next(batch);
                         const auto count = std::ssize(batch.y);
                         return Tensors{from_host(batch.x.data(),
                                                  {count, shape_.channels, *o_.window,
                                                   shape_.height, shape_.width},
                                                  DType::f32),
                                        from_host(batch.y.data(), {count}, DType::i64)};
                       },
                   .loss =
                       [&](std::span<const Tensor> in) {
                         return cross_entropy((**network_)(in[0]), in[1],
                                              {.label_smoothing = o_.label_smoothing});
                       },
                   .measure = [&] { return measured(); },
                   .words = in_words});
    session_->use_kept();
  }

  Json measured() { return meter_->measure(set_, parts_.second); }

 private:
  void fill(const data::BatchPlan& plan, Batch& batch) const {
    batch.x.clear(), batch.y.clear();
    for (const int64_t sample : plan.samples) {
      const data::Clip& clip = set_.clips[static_cast<size_t>(parts_.first[sample])];
      const auto random = data::sample_stream(o_.seed, plan.place.epoch, sample);
      add_changed(clip, shape_, o_, draw_change(o_, shape_, random), batch.x);
      batch.y.push_back(clip.label);
    }
  }

  Options& o_;
  const data::ClipSet& set_;
  data::TwoParts parts_;
  data::ClipShape shape_;
  data::Order order_;
  std::optional<nn::AnyModule> network_;
  std::optional<Meter> meter_;
  std::optional<train::Supervised> session_;
};

Json train_one(Options& o, const data::ClipSet& set) {
  const bool is_fold = !o.fold.is_open();
  Training training(o, set, parts_of(set, o), !is_fold, is_fold ? "test" : "validation");
  training.run();
  return training.session().result(is_fold ? "test" : "validation", training.measured());
}

// Trains a fold that was not begun, or goes on with it.
void train_fold(const Options& o, const data::ClipSet& set, const std::string& run, int64_t fold,
                int64_t count) {
  Options of_fold = o;
  of_fold.out = fmt::format("{}/folds/{}", run, fold);
  of_fold.fold = fold, of_fold.resumed = {};
  of_fold.resume = train::RunFolder::holds_run(of_fold.out);
  if (of_fold.resume) {
    Options again;
    again.out = *of_fold.out, again.resume = true, again.quiet = *o.quiet;
    again.stop_after_steps = o.stop_after_steps;
    train(again);
    return;
  }
  if (!o.quiet) fmt::print(stderr, "fold {} of {}\n", fold + 1, count);
  if (!o.epochs.is_open()) of_fold.steps.leave_open();  // fewer videos, as many passes
  train_one(of_fold, set);
}

// A signal ends all folds, also one that comes in the last step of one or between two; what is said
// then is how to go on with all.
void train_all_folds(const Options& o, const data::ClipSet& set, const std::string& run,
                     int64_t count) {
  const auto stop = [&](int signal, int64_t fold) {
    throw train::Stopped(signal, fmt::format("stopped in fold {} of {}; saved. Go on with: cairn "
                                             "train --resume {}",
                                             fold + 1, count, shell_quoted(run)));
  };
  for (int64_t fold = 0; fold < count; ++fold) {
    try {
      train_fold(o, set, run, fold, count);
    } catch (const train::Stopped& e) { stop(e.signal, fold); }
    if (const int64_t signal = dist::largest(train::SignalScope::caught()))
      stop(static_cast<int>(signal), fold);
  }
}

// A run for each fold, in the run's folder, then the network to use, which learns from all.
Json train_folds(Options& o, const data::ClipSet& set) {
  const train::SignalScope signals;
  const std::vector<int64_t> folds = folds_of(set, o);
  std::vector<int64_t> all(set.clips.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  Training training(o, set, {all, all}, false, "train");
  const train::RunFolder folder = training.session().folder();
  folder.keep();
  const auto drawn = generator().to_vector<int64_t>();  // where the training goes on
  const int64_t count = *std::ranges::max_element(folds) + 1;
  train_all_folds(o, set, folder.path(), count);
  assign(generator(), from_host(drawn.data(), generator().shape(), DType::i64));
  training.run();
  return training.session().result("folds", measure_folds(folder.path(), set, o));
}

}  // namespace

data::ClipOptions Options::how() const {
  const bool known = !shape.is_open();
  const auto side = [](const Option<int64_t>& given) {
    return given.is_open() ? 0 : static_cast<int>(*given);
  };
  return {.shape = known ? clip_shape()
                         : data::ClipShape{0, side(frames), side(image_height), side(image_width)},
          .group = folds,
          .skip_bad = skip_bad};
}

std::vector<int64_t> folds_of(const data::ClipSet& set, const Options& o) {
  const std::vector<std::string> groups = set.groups();
  const int64_t count = std::min<int64_t>(o.fold_count, std::ssize(groups));
  o.folds.require(count > 1, "{}: all videos are of one ('{}')", *o.folds, groups[0]);
  std::vector<int64_t> folds;
  for (const data::Clip& clip : set.clips)
    folds.push_back((std::ranges::find(groups, clip.group) - groups.begin()) % count);
  return folds;
}

data::TwoParts parts_of(const data::ClipSet& set, const Options& o) {
  data::TwoParts parts;
  if (!o.fold.is_open()) {
    const auto folds = folds_of(set, o);
    for (size_t i = 0; i < folds.size(); ++i)
      (folds[i] == o.fold ? parts.second : parts.first).push_back(static_cast<int64_t>(i));
    return parts;
  }
  const std::vector<std::string> groups = set.groups();
  if (groups.size() < 2) return train::hold_back(o, std::ssize(set.clips));
  const auto split = train::hold_back(o, std::ssize(groups));
  for (size_t i = 0; i < set.clips.size(); ++i) {
    const auto group = std::ranges::find(groups, set.clips[i].group) - groups.begin();
    const bool held_back = std::ranges::count(split.second, group) > 0;
    (held_back ? parts.second : parts.first).push_back(static_cast<int64_t>(i));
  }
  return parts;
}

Json train(Options o) {
  train::choose_run(kTask, o);
  const data::ClipSet set = data::open_clips(o.data, o.how());
  train::say_left_out(o.data, set.left_out);
  train::note_counts(o, {{"videos", set.clips.size()}, {"classes", set.classes.size()}});
  o.classes.fill(set.classes);
  o.shape.fill({set.shape.channels, set.shape.frames, set.shape.height, set.shape.width});
  o.frames.fill(set.shape.frames), o.window.fill(std::max(2, set.shape.frames * 2 / 3));
  o.image_height.fill(set.shape.height), o.image_width.fill(set.shape.width);
  o.window.require(o.window <= o.frames, "{}: there are only {} frames", *o.window, *o.frames);
  o.fill_usual();
  o.fold_count.require(o.resume || !o.folds->empty() || o.fold_count == kUsualFolds,
                       "means nothing without the option folds");
  if (o.folds->empty() || !o.fold.is_open()) return train_one(o, set);
  o.patience.require(o.patience == 0, "with folds nothing is held back to end by");
  o.val_split.require(o.resume || o.val_split.value() == o.val_split.usual_of(""),
                      "with folds each is held back in its turn, and nothing else");
  return train_folds(o, set);
}

}  // namespace cairn::tasks::video_classification
