#include <algorithm>
#include <filesystem>

#include "cairn/dist/share_out.h"
#include "cairn/metrics/measures.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/video_classification/task.h"

namespace cairn::tasks::video_classification {
namespace {

constexpr int64_t kBatch = 12;

nn::AnyModule network_of(const train::SavedModel& saved, const Options& o) {
  check(o.shape->size() == 4 && o.window <= (*o.shape)[1], "'{}' is damaged: shape has {} sizes",
        saved.config_file(), o.shape->size());
  const nn::AnyModule network = models::make_video_classifier(
      o.model, (*o.shape)[0], std::ssize(*o.classes), o.width, o.dropout);
  train::load_weights(saved, *network);
  network->eval();
  return network;
}

void add_values(const io::ByteVector& pixels, std::vector<float>& to) {
  for (const uint8_t value : pixels) to.push_back(static_cast<float>(value) / 255);
}

Tensor with_shape(const std::vector<float>& values, int64_t count, const data::ClipShape& s) {
  return from_host(values.data(), {count, s.channels, s.frames, s.height, s.width}, DType::f32);
}

}  // namespace

Tensor tensor_of(const data::ClipSet& set, std::span<const int64_t> places) {
  std::vector<float> values;
  for (const int64_t i : places) add_values(set.clips[static_cast<size_t>(i)].pixels, values);
  return with_shape(values, std::ssize(places), set.shape);
}
Tensor tensor_of(const io::ByteVector& pixels, const data::ClipShape& shape) {
  std::vector<float> values;
  add_values(pixels, values);
  return with_shape(values, 1, shape);
}

Tensor probabilities_of(const nn::AnyModule& network, const Tensor& clips, const Options& o) {
  const int64_t last = clips.size(2) - o.window;
  std::vector<int64_t> starts = {0, last / 2, last};
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  Tensor all;
  const auto add = [&](const Tensor& view) {
    const Tensor p = softmax((*network)(view), 1);
    all = all.defined() ? all + p : p;
  };
  for (const int64_t start : starts) {
    const Tensor view = slice(clips, 2, start, o.window);
    add(view);
    if (o.flip) add(flip(view, {4}));
  }
  return all * (1.0 / static_cast<double>(starts.size() * (o.flip ? 2 : 1)));
}

Meter::Meter(const nn::AnyModule& network, const Options& o)
    : classes_(o.classes),
      forward_(
          [network, window = *o.window, flips = *o.flip](std::span<const Tensor> in) -> Tensors {
            Options how;
            how.window = window, how.flip = flips;
            return {probabilities_of(network, in[0], how)};
          }) {}

std::vector<std::vector<float>> Meter::probabilities(const data::ClipSet& set,
                                                     const std::vector<int64_t>& places) {
  const NoGrad no_grad;
  std::vector<std::vector<float>> rows(places.size());
  const auto of_batch = [&](int64_t number) {
    const size_t first = static_cast<size_t>(number) * kBatch;
    return std::pair{first, std::min<size_t>(kBatch, places.size() - first)};
  };
  dist::share_out(
      static_cast<int64_t>((places.size() + kBatch - 1) / kBatch),
      [&](int64_t number) {
        const auto [first, count] = of_batch(number);
        const Tensor in[] = {tensor_of(set, std::span(places).subspan(first, count))};
        const auto p = forward_.call(in)[0].to_vector<float>();
        for (size_t i = 0; i < count; ++i)
          rows[first + i].assign(p.begin() + static_cast<int64_t>(i * classes_.size()),
                                 p.begin() + static_cast<int64_t>((i + 1) * classes_.size()));
      },
      [&](int64_t number, dist::Parcel& parcel) {
        const auto [first, count] = of_batch(number);
        for (size_t i = 0; i < count; ++i) parcel.pass(rows[first + i]);
      });
  return rows;
}

Json Meter::measure(const data::ClipSet& set, const std::vector<int64_t>& places) {
  std::vector<int64_t> truth;
  for (const int64_t i : places) truth.push_back(set.clips[static_cast<size_t>(i)].label);
  return metrics::classification(probabilities(set, places), truth, classes_);
}

std::string in_words(const Json& r) {
  return fmt::format("accuracy {:.2f} %, loss {:.4f}", r["accuracy"].get<double>() * 100,
                     r["loss"].get<double>());
}

Json measure_folds(const std::string& run, const data::ClipSet& set, const Options& o) {
  const std::vector<int64_t> folds = folds_of(set, o);
  const int64_t count = *std::ranges::max_element(folds) + 1;
  std::vector<std::vector<float>> all;
  std::vector<int64_t> truth;
  Json each = Json::array();
  for (int64_t fold = 0; fold < count; ++fold) {
    const std::string path = fmt::format("{}/folds/{}", run, fold);
    check(std::filesystem::exists(path),
          "'{}' is missing: the run's fold {} of {} cannot be "
          "measured; use --data to measure the network of all videos",
          path, fold, count);
    Classifier classifier(train::open_saved_model(path, kTask));
    const auto held_back = parts_of(set, classifier.options()).second;
    const auto rows = classifier.meter().probabilities(set, held_back);
    std::vector<int64_t> labels;
    for (const int64_t i : held_back) labels.push_back(set.clips[static_cast<size_t>(i)].label);
    const Json measured = metrics::classification(rows, labels, *o.classes);
    each.push_back(
        {{"fold", fold}, {"examples", measured["examples"]}, {"accuracy", measured["accuracy"]}});
    all.insert(all.end(), rows.begin(), rows.end());
    truth.insert(truth.end(), labels.begin(), labels.end());
  }
  Json result = metrics::classification(all, truth, *o.classes);
  result["folds"] = each;
  return result;
}

Classifier::Classifier(const train::SavedModel& saved)
    : Model(saved),
      options_(options_of<Options>(saved, &Options::classes, &Options::shape, &Options::window)),
      network_(network_of(saved, options_)),
      meter_(network_, options_) {}

data::ClipSet Classifier::open(const std::string& source) const {
  data::ClipOptions how = options_.how();
  if (!source.empty() && source != *options_.data) how.group = "";
  data::ClipSet set = data::open_clips(source.empty() ? *options_.data : source, how);
  const std::vector<std::string>& known = *options_.classes;
  for (data::Clip& clip : set.clips) {
    const std::string& name = set.classes[static_cast<size_t>(clip.label)];
    const auto place = std::ranges::find(known, name);
    check(place != known.end(),
          "'{}' is of the class '{}', which the training never saw: it knows {}", clip.name, name,
          fmt::join(known, ", "));
    clip.label = static_cast<int>(place - known.begin());
  }
  set.classes = known;
  return set;
}

std::vector<Tensor> Classifier::inputs(int64_t examples) {
  const data::ClipSet set = open("");
  std::vector<int64_t> places;
  for (int64_t i = 0; i < std::min(examples, std::ssize(set.clips)); ++i) places.push_back(i);
  return {slice(tensor_of(set, places), 2, 0, options_.window)};
}

std::vector<Port> Classifier::takes() {
  const auto s = options_.clip_shape();
  return {{"clips", DType::f32, {kAnyBatch, s.channels, s.frames, s.height, s.width}}};
}

Tensors Classifier::read(const std::string& file) {
  return {tensor_of(data::read_clip(file, options_.clip_shape()), options_.clip_shape())};
}

extern const Opener kOpener;
const Opener kOpener{kTask, open_as<Classifier>};

}  // namespace cairn::tasks::video_classification
