#include <algorithm>
#include <filesystem>

#include "cairn/io/npy.h"
#include "cairn/tasks/image_gan/features.h"
#include "cairn/tasks/image_gan/sampler.h"

namespace cairn::tasks::image_gan {
namespace {

namespace classification = image_classification;

// The classifier to compare with: given, or the run's own, which is trained first when it is not
// there (or not ready) yet.
std::string classifier_run(const std::string& run, const Recipe& recipe, const EvaluateOptions& o) {
  if (!o.features.empty()) return o.features;
  if (!std::filesystem::is_directory(run))
    fail("{}: give the run folder, or say whose features to compare with --features RUN", run);
  const std::string own = run + "/features";
  const bool begun = train::RunFolder::holds_run(own);
  if (std::filesystem::exists(own + "/model.safetensors") && std::filesystem::exists(own + "/done"))
    return own;
  if (!o.quiet)
    fmt::print(stderr, "cairn: training the classifier whose features are compared, once: {}\n",
               own);
  classification::TrainOptions options;
  options.data = recipe.data, options.epochs = kFeatureEpochs, options.seed = 1;
  options.out = own, options.resume = begun, options.quiet = o.quiet;
  classification::train(options);
  io::write_file_atomically(own + "/done", std::string_view());
  return own;
}

void check_fits(const classification::Classifier& classifier, const std::string& path,
                const data::ImageShape& shape, size_t classes) {
  if (!(classifier.shape() == shape))
    fail("{}: the classifier looks at images of {}, these are {}", path,
         data::to_string(classifier.shape()), data::to_string(shape));
  if (classes && classifier.classes().size() != classes)
    fail("{}: the classifier knows {} classes, the run {}", path, classifier.classes().size(),
         classes);
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
data::MemoryImages some_of(const data::ImageDataset& set, int64_t count) {
  count = std::min(count, set.size());
  std::vector<uint8_t> pixels(static_cast<size_t>(count * set.shape().size())), labels;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = i * set.size() / count;
    set.image(index, &pixels[static_cast<size_t>(i * set.shape().size())]);
    labels.push_back(static_cast<uint8_t>(set.label(index)));
  }
  return {set.name(), set.shape(), set.classes(), std::move(pixels), std::move(labels)};
}

}  // namespace

Json evaluate(const std::string& run, const EvaluateOptions& o) {
  const Sampler sampler = load_sampler(run);
  const Recipe& r = sampler.recipe;
  const auto set = data::open_image_dataset(o.data.empty() ? r.data : o.data, o.split,
                                            {.image_size = r.image_size});
  if (!(set->shape() == r.shape))
    fail("{}: images are {}, but the run draws {}", set->name(), data::to_string(set->shape()),
         data::to_string(r.shape));
  const std::string judge = classifier_run(run, r, o);
  const classification::Classifier classifier(judge);
  check_fits(classifier, judge, r.shape, r.conditional ? r.classes.size() : 0);

  Pictures pictures = o.samples.empty()
                          ? draw(sampler.generator, o.seed, 0, labels_in_turn(o.count, r.labels()))
                          : read_samples(o.samples, r.shape);
  const int64_t count = pictures.count();
  const std::vector<int64_t> wanted = labels_in_turn(count, r.labels());
  const data::MemoryImages drawn("samples", r.shape, r.classes, std::move(pictures.pixels),
                                 {wanted.begin(), wanted.end()});
  const data::MemoryImages real = some_of(*set, o.count);
  const Looked on_drawn = look_at(classifier, drawn), on_real = look_at(classifier, real);
  const auto near = train::precision_recall(on_real.features, on_drawn.features);
  Json result = {{"task", kTask},
                 {"split", data::name_of(o.split)},
                 {"examples", count},
                 {"real_examples", real.size()},
                 {"classifier", judge},
                 {"frechet", train::frechet_distance(on_real.features, on_drawn.features)},
                 {"precision", near.precision},
                 {"recall", near.recall}};
  if (r.conditional) {
    int64_t right = 0;
    for (size_t i = 0; i < wanted.size(); ++i) right += on_drawn.labels[i] == wanted[i];
    result["label_accuracy"] = static_cast<double>(right) / static_cast<double>(count);
  }
  return result;
}

}  // namespace cairn::tasks::image_gan
