#include <filesystem>

#include "cairn/data/loader.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/quantized_run.h"

namespace cairn::tasks::image_classification {
namespace {

constexpr int64_t kCalibrationBatch = 64;  // at most

// The first images of a shuffled epoch, normalised; batches of one size.
Tensors calibration_batches(const Classifier& classifier, const std::string& data,
                            int64_t examples) {
  const auto set = classifier.open(data, data::Split::train);
  examples = std::min(examples, set->size());
  const int64_t count = (examples + kCalibrationBatch - 1) / kCalibrationBatch,
                batch = examples / count;
  data::Loader loader(set, {.batch = batch,
                            .epochs = 1,
                            .normalization = classifier.options().normalization(),
                            .threads = 1});
  Tensors batches;
  data::Batch next;
  while (static_cast<int64_t>(batches.size()) < count && loader.next(next))
    batches.push_back(next.x());
  return batches;
}

}  // namespace

Json quantize(Classifier& classifier, const QuantizeOptions& o) {
  o.validate();
  const train::SavedModel& saved = classifier.saved();
  if (o.out->empty()) throw InvalidOption("out", "say which folder the 8-bit run goes to");
  if (train::is_quantized(saved.config))
    fail("{}: is quantized already; give the run that it was made of", classifier.path());
  train::RunFolder::refuse_held(o.out);
  const std::string& data = o.data;
  const Tensors batches = calibration_batches(classifier, data, o.calibrate);
  const int64_t examples = static_cast<int64_t>(batches.size()) * batches[0].size(0);
  const auto quantized =
      quantize::quantize(classifier.module(), batches, {.percentile = o.percentile});
  const auto run =
      train::save_quantized(o.out, saved.config, quantized,
                            {{"from", classifier.path()},
                             {"calibrated_on", data.empty() ? *classifier.options().data : data},
                             {"examples", examples},
                             {"percentile", *o.percentile}});
  const Json f32 = classifier.evaluate(data, data::Split::test),
             int8 = Classifier(*o.out).evaluate(data, data::Split::test);
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
