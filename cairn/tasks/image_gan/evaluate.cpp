#include <algorithm>
#include <filesystem>

#include "cairn/data/loader.h"
#include "cairn/data/picture.h"
#include "cairn/io/file.h"
#include "cairn/io/npy.h"
#include "cairn/metrics/distributions.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/tasks/image_gan/task.h"

namespace cairn::tasks::image_gan {
namespace {

namespace classification = image_classification;

// The classifier to compare with: given, or the run's own, which is trained first when it is not
// there (or not ready) yet.
std::string classifier_run(const Sampler& sampler, const EvaluateOptions& o) {
  if (!o.features.is_open()) return o.features;
  const std::string& run = sampler.path();
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
  classification::Options options;
  options.data = *sampler.options().data, options.epochs = kFeatureEpochs, options.seed = 1;
  options.out = own, options.resume = begun, options.quiet = *o.quiet;
  classification::train(options);
  io::write_file_atomically(own + "/done", std::string_view());
  return own;
}

// Pictures as a classifier sees them.
struct Seen {
  metrics::Features features;   // what its last layer gets
  std::vector<int64_t> labels;  // the class that it names
};

Seen look_at(const classification::Classifier& classifier, const data::ImageDatasetPtr& set) {
  constexpr int64_t kBatch = 256;
  const NoGrad no_grad;
  auto forward = compile([&](Tensor x) {
    const auto seen = classifier.activations(x);
    return std::pair{flatten(seen.features, 1), argmax(seen.logits, 1)};
  });
  data::Loader loader(set, {.batch = kBatch,
                            .shuffle = false,
                            .normalization = classifier.options().normalization(),
                            .threads = 1});
  Seen all;
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

void check_fits(const classification::Classifier& classifier, const Options& run) {
  if (!(classifier.shape() == run.image_shape()))
    fail("{}: the classifier looks at images of {}, these are {}", classifier.path(),
         data::to_string(classifier.shape()), data::to_string(run.image_shape()));
  if (run.conditional && !data::classes_agree(classifier.classes(), *run.classes))
    fail("{}: the classifier's {} classes are not the run's {}", classifier.path(),
         classifier.classes().size(), run.classes->size());
}

// Pictures of a .npy file, of the run's shape.
Pictures read_samples(const std::string& path, const data::ImageShape& shape) {
  const io::NpyArray array = io::read_npy(path);
  Shape s = array.shape;
  if (s.ssize() == 3) s = {s[0], 1, s[1], s[2]};
  check(s.ssize() == 4 && s[1] == shape.channels && s[2] == shape.height && s[3] == shape.width,
        "'{}': shape {}; pictures of {} are wanted, [count, channels, height, width]", path,
        to_string(array.shape), data::to_string(shape));
  Pictures pictures{shape, {}};
  const size_t count = static_cast<size_t>(numel(s));
  if (array.dtype == DType::u8) {
    pictures.pixels.assign(array.data.begin(), array.data.end());
  } else if (array.dtype == DType::f32) {
    const float* values = reinterpret_cast<const float*>(array.data.data());
    for (size_t i = 0; i < count; ++i) {
      if (!(values[i] >= -1.001f && values[i] <= 1.001f))
        fail("'{}': value {} is {}; floats are wanted in [-1, 1]", path, i, values[i]);
      pictures.pixels.push_back(pixel_of(values[i]));
    }
  } else {
    fail("'{}': values of {}; u8 or f32 are wanted", path, name_of(array.dtype));
  }
  return pictures;
}

// At most `count` of a data set, evenly spread.
data::ImageDatasetPtr some_of(const data::ImageDatasetPtr& set, int64_t count) {
  count = std::min(count, set->size());
  std::vector<int64_t> places;
  for (int64_t i = 0; i < count; ++i) places.push_back(i * set->size() / count);
  return data::chosen(set, std::move(places));
}

}  // namespace

Json evaluate(Sampler& sampler, const EvaluateOptions& o) {
  o.validate();
  const Options& run = sampler.options();
  const data::ImageShape shape = run.image_shape();
  const auto set = sampler.open(o.data, data::split_from_name(o.split));
  const std::string judge = classifier_run(sampler, o);
  const classification::Classifier classifier(judge);
  check_fits(classifier, run);

  Pictures pictures = o.samples.is_open()
                          ? sampler.painter().draw(o.seed, 0, labels_in_turn(o.count, run.labels()))
                          : read_samples(o.samples, shape);
  const int64_t count = pictures.count();
  const std::vector<int64_t> wanted = labels_in_turn(count, run.labels());
  const auto drawn = std::make_shared<data::MemoryImages>(
      "samples", shape, run.classes, std::move(pictures.pixels),
      std::vector<uint8_t>(static_cast<size_t>(count), 0));
  const auto real = some_of(set, o.count);
  const Seen on_drawn = look_at(classifier, drawn), on_real = look_at(classifier, real);
  const auto near = metrics::precision_recall(on_real.features, on_drawn.features);
  Json result = {{"task", kTask},
                 {"split", *o.split},
                 {"examples", count},
                 {"real_examples", real->size()},
                 {"classifier", judge},
                 {"frechet", metrics::frechet_distance(on_real.features, on_drawn.features)},
                 {"precision", near.precision},
                 {"recall", near.recall}};
  if (run.conditional) {
    int64_t right = 0;
    for (size_t i = 0; i < wanted.size(); ++i) right += on_drawn.labels[i] == wanted[i];
    result["label_accuracy"] = static_cast<double>(right) / static_cast<double>(count);
  }
  return result;
}

}  // namespace cairn::tasks::image_gan
