// How near pictures that were drawn are to real ones.
#include <algorithm>
#include <filesystem>

#include "cairn/data/loader.h"
#include "cairn/data/picture.h"
#include "cairn/io/file.h"
#include "cairn/metrics/distributions.h"
#include "cairn/models/activation_reader.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/drawing.h"
#include "cairn/tasks/image_classification/task.h"

namespace cairn::tasks {
namespace {

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
  const bool begun = train::RunFolder::holds_run(own);
  if (std::filesystem::exists(own + "/model.safetensors") && std::filesystem::exists(own + "/done"))
    return own;
  if (!o.quiet)
    fmt::print(stderr, "cairn: training the classifier whose features are compared, once: {}\n",
               own);
  image_classification::Options options;
  options.data = drawer.source(), options.epochs = kFeatureEpochs, options.seed = 1;
  options.out = own, options.resume = begun, options.quiet = *o.quiet;
  image_classification::train(options);
  io::write_file_atomically(own + "/done", std::string_view());
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
  const auto near = metrics::precision_recall(on_real.features, on_drawn.features);
  Json result = {{"examples", count},
                 {"real_examples", real->size()},
                 {"classifier", judge},
                 {"frechet", metrics::frechet_distance(on_real.features, on_drawn.features)},
                 {"precision", near.precision},
                 {"recall", near.recall}};
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

std::string drawn_in_words(const Json& r) {
  const auto number = [&](const char* name) { return r[name].get<double>(); };
  std::string text = fmt::format("frechet {:.3f}, precision {:.3f}, recall {:.3f}",
                                 number("frechet"), number("precision"), number("recall"));
  if (r.contains("label_accuracy"))
    text += fmt::format(", label accuracy {:.2f} %", number("label_accuracy") * 100);
  return text;
}

}  // namespace cairn::tasks
