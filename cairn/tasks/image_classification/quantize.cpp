#include "cairn/tasks/image_classification/quantize.h"

#include <filesystem>

#include "cairn/data/loader.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/quantized_run.h"

namespace cairn::tasks::image_classification {
namespace {

constexpr int64_t kBatch = 64;  // at most

// The first images of a shuffled epoch, normalised; batches of one size.
Tensors calibration_batches(const Classifier& classifier, const std::string& data,
                            int64_t examples) {
  const auto set = data::open_image_dataset(data, data::Split::train);
  if (!(set->shape() == classifier.shape()))
    fail("{}: images are {}, but the run was trained on {}", set->name(),
         data::to_string(set->shape()), data::to_string(classifier.shape()));
  check(set->size() > 0, "{}: has no training images to calibrate on", set->name());
  examples = std::min(examples, set->size());
  const int64_t count = (examples + kBatch - 1) / kBatch, batch = examples / count;
  data::Loader loader(
      set,
      {.batch = batch, .epochs = 1, .normalization = classifier.normalization(), .threads = 1});
  Tensors batches;
  data::Batch next;
  while (static_cast<int64_t>(batches.size()) < count && loader.next(next))
    batches.push_back(next.x());
  return batches;
}

}  // namespace

Json quantize(const QuantizeOptions& o) {
  const train::SavedModel saved = train::open_saved_model(o.run, kTask);
  if (train::is_quantized(saved.config))
    fail("{}: is quantized already; give the run that it was made of", o.run);
  if (train::RunFolder::holds_run(o.out))
    fail("{}: this folder already holds a run; choose another --out", o.out);
  if (!std::filesystem::exists(saved.weights))
    fail(
        "{}: holds no trained weights (model.safetensors); train until the first evaluation has "
        "written them",
        o.run);
  const Classifier classifier(o.run);
  const std::string data = o.data.empty() ? classifier.data() : o.data;
  const Tensors batches = calibration_batches(classifier, data, o.examples);
  const int64_t examples = static_cast<int64_t>(batches.size()) * batches[0].size(0);
  const auto quantized =
      quantize::quantize(classifier.module(), batches, {.percentile = o.percentile});
  const auto run = train::save_quantized(o.out, saved.config, quantized,
                                         {{"from", o.run},
                                          {"calibrated_on", data},
                                          {"examples", examples},
                                          {"percentile", o.percentile}});
  const Json f32 = evaluate(o.run, data, data::Split::test),
             int8 = evaluate(o.out, data, data::Split::test);
  const auto size = [](const std::string& file) {
    return static_cast<int64_t>(std::filesystem::file_size(file));
  };
  return {{"task", kTask},
          {"run", run.path()},
          {"calibration_examples", examples},
          {"layers_int8", quantized.layers.size()},
          {"kept_f32", quantized.kept},
          {"examples", f32["examples"]},
          {"accuracy_f32", f32["accuracy"]},
          {"accuracy_int8", int8["accuracy"]},
          {"loss_f32", f32["loss"]},
          {"loss_int8", int8["loss"]},
          {"bytes_f32", size(saved.weights)},
          {"bytes_int8", size(run.weights())}};
}

}  // namespace cairn::tasks::image_classification
