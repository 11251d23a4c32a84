// How near pictures that were drawn are to real ones.
#include <algorithm>
#include <filesystem>

#include "cairn/base/quote.h"
#include "cairn/data/loader.h"
#include "cairn/data/picture.h"
#include "cairn/io/file.h"
#include "cairn/metrics/distributions.h"
#include "cairn/models/activation_reader.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/drawing.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/signals.h"

namespace cairn::tasks {
namespace {

constexpr int kNeighbours = 3;  // that precision and recall look at

// The run's own classifier is one of pictures as the run draws them.
bool fits(const std::string& own, const data::ImageShape& shape) {
  const auto config = train::RunFolder::open(own, image_classification::kTask).config();
  return config.contains("shape") &&
         config["shape"] == Json{shape.channels, shape.height, shape.width};
}

// A signal ends the evaluation, also one that comes in the last step.
void train_classifier(image_classification::Options options, const std::string& run) {
  const train::SignalScope signals;
  const auto stop = [&](int signal) {
    throw train::Stopped(signal,
                         fmt::format("stopped; what was trained of the classifier is saved. Go on "
                                     "with the same options and: cairn eval {}",
                                     shell_quoted(run)));
  };
  const std::string out = options.out;
  try {
    image_classification::train(std::move(options));
  } catch (const train::Stopped& e) { stop(e.signal); }
  io::write_file_atomically(out + "/done", std::string_view());
  if (const int signal = train::SignalScope::caught()) stop(signal);
}

// The classifier to compare with: given, or the run's own, which is trained first when it is not
// there (or not ready) yet.
std::string classifier_run(const Drawer& drawer, const DrawnEvalOptions& o) {
  if (!o.features.is_open()) return o.features;
  const std::string& run = drawer.path();
  if (!std::filesystem::is_directory(run))
    throw InvalidOption("features", fmt::format("'{}' is no run folder with a classifier of its "
                                                "own; say whose features to compare with",
                                                run));
  const std::string own = run + "/features";
  if (train::RunFolder::holds_run(own) && !fits(own, drawer.shape()))
    std::filesystem::remove_all(own);
  const bool begun = train::RunFolder::holds_run(own);
  if (std::filesystem::exists(own + "/model.safetensors") && std::filesystem::exists(own + "/done"))
    return own;
  if (!o.quiet)
    fmt::print(stderr, "cairn: training the classifier whose features are compared, once: {}\n",
               own);
  image_classification::Options options;
  options.data = drawer.source(), options.epochs = kFeatureEpochs, options.seed = 1;
  options.skip_bad = drawer.skips_bad();
  const data::ImageShape shape = drawer.shape();
  options.shape = std::vector<int64_t>{shape.channels, shape.height, shape.width};
  options.out = own, options.resume = begun, options.quiet = *o.quiet;
  train_classifier(std::move(options), run);
  return own;
}

// Pictures as a classifier sees them: where they lie for the metrics of distributions.
struct Classified {
  metrics::Features features;   // what its last layer gets
  std::vector<int64_t> labels;  // the class that it names
};

Classified classify(const image_classification::Classifier& classifier,
                    const data::ImageDatasetPtr& set) {
  constexpr int64_t kBatch = 256;
  const NoGrad no_grad;
  models::ActivationReader activations(classifier.module());
  auto forward = compile([&](Tensor x) {
    const auto seen = activations(x);
    return std::pair{flatten(seen.features, 1), argmax(seen.logits, 1)};
  });
  data::Loader loader(set, {.batch = kBatch,
                            .shuffle = false,
                            .normalization = classifier.options().normalization(),
                            .threads = 1});
  Classified all;
  data::Batch batch;
  while (loader.next(batch)) {
    const auto [features, labels] = forward(batch.x());
    all.features.dim = features.size(1);
    all.features.count += batch.count;
    const auto rows = features.to_vector<float>();
    all.features.values.insert(all.features.values.end(), rows.begin(), rows.end());
    const auto named = labels.to_vector<int64_t>();
    all.labels.insert(all.labels.end(), named.begin(), named.end());
  }
  return all;
}

void check_fits(const image_classification::Classifier& classifier, const Drawer& drawer) {
  if (!(classifier.shape() == drawer.shape()))
    fail("{}: the classifier looks at images of {}, these are {}", classifier.path(),
         data::to_string(classifier.shape()), data::to_string(drawer.shape()));
  if (drawer.num_labels() > 0 && !data::classes_agree(classifier.classes(), drawer.classes()))
    fail("{}: the classifier's {} classes are not the run's {}", classifier.path(),
         classifier.classes().size(), drawer.classes().size());
}

}  // namespace

namespace {

Json judged(Drawer& drawer, const DrawnEvalOptions& o, const data::ImageDatasetPtr& set) {
  const std::string judge = classifier_run(drawer, o);
  const image_classification::Classifier classifier(judge);
  check_fits(classifier, drawer);
  data::Pictures pictures =
      o.samples.is_open()
          ? drawer.painter().draw(o.seed, 0, models::labels_in_turn(o.count, drawer.num_labels()))
          : data::read_npy_pictures(o.samples, drawer.shape());
  const int64_t count = pictures.count();
  const std::vector<int64_t> wanted = models::labels_in_turn(count, drawer.num_labels());
  const auto drawn = std::make_shared<data::MemoryImages>(
      "samples", drawer.shape(), drawer.classes(), std::move(pictures.pixels),
      std::vector<uint8_t>(static_cast<size_t>(count), 0));
  const auto real = drawer.as_learned(data::evenly_chosen(set, o.count));
  const Classified on_drawn = classify(classifier, drawn), on_real = classify(classifier, real);
  const int64_t fewest = std::min(count, real->size());
  Json frechet, precision, recall;  // null: too few
  if (fewest > 1) frechet = metrics::frechet_distance(on_real.features, on_drawn.features);
  if (fewest > kNeighbours) {
    const auto near = metrics::precision_recall(on_real.features, on_drawn.features, kNeighbours);
    precision = near.precision, recall = near.recall;
  } else {
    fmt::print(stderr, "cairn: {} real and {} drawn pictures: {} take {} of each at least\n",
               real->size(), count,
               fewest > 1 ? "precision and recall" : "a Frechet distance, precision and recall",
               kNeighbours + 1);
  }
  Json result = {{"examples", count},  {"real_examples", real->size()}, {"classifier", judge},
                 {"frechet", frechet}, {"precision", precision},        {"recall", recall}};
  if (drawer.num_labels() > 0) {
    int64_t right = 0;
    for (size_t i = 0; i < wanted.size(); ++i) right += on_drawn.labels[i] == wanted[i];
    result["label_accuracy"] = static_cast<double>(right) / static_cast<double>(count);
  }
  return result;
}

}  // namespace

Json judge_drawn(Drawer& drawer, const DrawnEvalOptions& o, const data::ImageDatasetPtr& set) {
  return train::by_leader([&] { return judged(drawer, o, set); });
}

bool has_judge(const Drawer& drawer, const DrawnEvalOptions& o) {
  if (!o.features.is_open() || drawer.classes().size() > 1) return true;
  if (dist::leads())
    fmt::print(stderr,
               "cairn: one class teaches no features to compare pictures by: no Frechet "
               "distance; or name a run with features\n");
  return false;
}

std::string drawn_in_words(const Json& r) {
  std::string text;
  for (const char* name : {"frechet", "precision", "recall"})
    if (r.contains(name) && r[name].is_number())
      text += fmt::format("{}{} {:.3f}", text.empty() ? "" : ", ", name, r[name].get<double>());
  if (text.empty()) text = "not compared";
  if (r.contains("label_accuracy"))
    text += fmt::format(", label accuracy {:.2f} %", r["label_accuracy"].get<double>() * 100);
  return text;
}

}  // namespace cairn::tasks
