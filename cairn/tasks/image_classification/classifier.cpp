#include <algorithm>
#include <cmath>

#include "cairn/data/shared_batches.h"
#include "cairn/dist/share_out.h"
#include "cairn/metrics/calibration.h"
#include "cairn/metrics/classification.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/quantized_run.h"

namespace cairn::tasks::image_classification {
namespace {

constexpr int64_t kBatch = 256;

nn::AnyModule network_of(const train::SavedModel& saved, const Options& o) {
  const nn::AnyModule network = train::with_weights(
      saved, models::make_image_classifier(o.model, o.image_shape(), o.num_classes()));
  network->eval();
  return network;
}

}  // namespace

Tensor logits_of(const nn::AnyModule& network, const Tensor& pictures, bool flip_test) {
  const Tensor logits = (*network)(pictures);
  return flip_test ? (logits + (*network)(flip(pictures, {3}))) * 0.5 : logits;
}

Meter::Meter(const nn::AnyModule& network, const Options& o)
    : normalization_(o.normalization()),
      forward_([network, flips = *o.flip_test](std::span<const Tensor> in) -> Tensors {
        const Tensor logits = logits_of(network, in[0], flips);
        return {argmax(logits, 1), cross_entropy(logits, in[1], {.reduction = Reduction::sum}),
                amax(softmax(logits, 1), {1})};
      }) {}

Json Meter::measure(const data::ImageDatasetPtr& set) {
  const NoGrad no_grad;
  struct Looked {
    double loss = 0;
    std::vector<int64_t> labels, guesses;
    std::vector<float> sure;
  };
  std::vector<Looked> all(static_cast<size_t>(data::batches_of(*set, kBatch)));
  data::SharedBatches batches(set, kBatch, normalization_);
  dist::share_out(
      std::ssize(all),
      [&](int64_t i) {
        const data::Batch& batch = batches.next();
        const Tensor in[] = {batch.x(), batch.y()};
        const Tensors seen = forward_.call(in);
        all[static_cast<size_t>(i)] = {seen[1].item(), batch.labels, seen[0].to_vector<int64_t>(),
                                       seen[2].to_vector<float>()};
      },
      [&](int64_t i, dist::Parcel& parcel) {
        Looked& of = all[static_cast<size_t>(i)];
        parcel.pass(of.loss), parcel.pass(of.labels), parcel.pass(of.guesses);
        parcel.pass(of.sure);
      });
  metrics::Confusion confusion(set->classes().size());
  metrics::Calibration calibration;
  double loss = 0;
  for (const Looked& of : all) {
    loss += of.loss;
    for (size_t i = 0; i < of.labels.size(); ++i) {
      confusion.add(of.labels[i], of.guesses[i]);
      if (std::isfinite(of.sure[i])) calibration.add(of.sure[i], of.labels[i] == of.guesses[i]);
    }
  }
  return {{"examples", set->size()},
          {"accuracy", confusion.accuracy()},
          {"loss", loss / static_cast<double>(set->size())},
          {"f1", confusion.f1()},
          {"ece", calibration.error()},
          {"confusion", confusion.counts()},
          {"classes", set->classes()}};
}

std::string in_words(const Json& measured) {
  return fmt::format("accuracy {:.2f} %, loss {:.4f}", measured["accuracy"].get<double>() * 100,
                     measured["loss"].get<double>());
}

Classifier::Classifier(const train::SavedModel& saved)
    : PictureModel(saved),
      options_(options_of<Options>(saved, &Options::shape, &Options::classes, &Options::mean,
                                   &Options::deviation, &Options::model)),
      network_(network_of(saved, options_)),
      meter_(network_, options_),
      forward_(
          [network = network_, flips = *options_.flip_test](std::span<const Tensor> in) -> Tensors {
            return {logits_of(network, in[0], flips)};
          }) {}

Tensors Classifier::forward(std::span<const Tensor> in) {
  return {softmax(logits_of(network_, in[0], options_.flip_test), 1)};
}

Tensor Classifier::logits(const Tensor& images) {
  const NoGrad no_grad;
  return forward_.call({&images, 1})[0];
}

Seen Classifier::seen(std::span<const float> p, int64_t top, const std::string& warning) const {
  Seen seen{{}, warning};
  check(std::ranges::all_of(p, [](float x) { return std::isfinite(x); }),
        "'{}': a probability is NaN: its weights are damaged, or the training diverged", path());
  for (size_t i = 0; i < p.size(); ++i) seen.classes.push_back({classes()[i], p[i]});
  std::stable_sort(
      seen.classes.begin(), seen.classes.end(),
      [](const Prediction& a, const Prediction& b) { return a.probability > b.probability; });
  seen.classes.resize(
      std::min(seen.classes.size(), static_cast<size_t>(std::max<int64_t>(1, top))));
  return seen;
}

Json Classifier::evaluate(const std::string& source, data::Split split) {
  const auto set = open(source, split);
  if (!set->left_out().empty()) fmt::print(stderr, "{}: {}\n", set->name(), set->left_out());
  const Json measured = meter_.measure(set);
  check(std::isfinite(measured["loss"].get<double>()),
        "'{}': the loss on '{}' is not finite: the weights hold NaN or infinity, or overflow; use "
        "an earlier checkpoint",
        path(), set->name());
  return result(data::name_of(split), measured);
}

}  // namespace cairn::tasks::image_classification
