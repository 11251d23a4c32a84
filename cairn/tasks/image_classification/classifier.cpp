#include <algorithm>
#include <cmath>

#include "cairn/data/loader.h"
#include "cairn/metrics/classification.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/quantized_run.h"

namespace cairn::tasks::image_classification {
namespace {

constexpr int64_t kBatch = 256;

nn::AnyModule network_of(const train::SavedModel& saved, const Options& o) {
  check(!o.shape.is_open() && !o.classes.is_open() && !o.mean.is_open() && !o.model.is_open(),
        "'{}' is damaged: model, shape, classes or mean is missing", saved.config_file());
  const nn::AnyModule network = train::with_weights(
      saved, models::make_image_classifier(o.model, o.image_shape(), o.num_classes()));
  network->eval();
  return network;
}

nn::Module last_linear(const nn::AnyModule& network) {
  std::string last;
  for (const auto& [name, module] : network->named_modules())
    if (module.type() == "Linear") last = name;
  return network->find(last);
}

}  // namespace

Meter::Meter(const nn::AnyModule& network, const data::Normalization& normalization)
    : network_(network),
      normalization_(normalization),
      forward_([network](std::span<const Tensor> in) -> Tensors {
        const Tensor logits = (*network)(in[0]);
        return {argmax(logits, 1), cross_entropy(logits, in[1], {.reduction = Reduction::sum})};
      }) {}

Json Meter::measure(const data::ImageDatasetPtr& set) {
  const NoGrad no_grad;
  metrics::Confusion confusion(set->classes().size());
  data::Loader loader(
      set, {.batch = kBatch, .shuffle = false, .normalization = normalization_, .threads = 1});
  data::Batch batch;
  double loss = 0;
  while (loader.next(batch)) {
    const Tensor in[] = {batch.x(), batch.y()};
    const Tensors seen = forward_.call(in);
    loss += seen[1].item();
    const auto guesses = seen[0].to_vector<int64_t>();
    for (int64_t i = 0; i < batch.count; ++i) confusion.add(batch.labels[i], guesses[i]);
  }
  return {{"examples", set->size()},
          {"accuracy", confusion.accuracy()},
          {"loss", loss / static_cast<double>(set->size())},
          {"confusion", confusion.counts()},
          {"classes", set->classes()}};
}

std::string in_words(const Json& measured) {
  return fmt::format("accuracy {:.2f} %, loss {:.4f}", measured["accuracy"].get<double>() * 100,
                     measured["loss"].get<double>());
}

Classifier::Classifier(const train::SavedModel& saved)
    : Model(saved),
      options_(options_of<Options>(saved)),
      network_(network_of(saved, options_)),
      meter_(network_, options_.normalization()),
      forward_([network = network_](std::span<const Tensor> in) -> Tensors {
        return {(*network)(in[0])};
      }) {}

data::ImageDatasetPtr Classifier::open(const std::string& source, data::Split split) const {
  const auto set =
      data::open_image_dataset(source.empty() ? *options_.data : source, split, {.shape = shape()});
  return with_classes(set, classes());
}

Tensors Classifier::inputs(const std::string& source, int64_t examples) const {
  constexpr int64_t kMost = 64;
  const auto set = open(source, data::Split::train);
  examples = std::min(examples, set->size());
  const int64_t count = (examples + kMost - 1) / kMost, size = examples / count;
  data::Loader loader(set,
                      {.batch = size, .normalization = options_.normalization(), .threads = 1});
  Tensors batches;
  data::Batch batch;
  while (static_cast<int64_t>(batches.size()) < count && loader.next(batch))
    batches.push_back(batch.x());
  return batches;
}

std::vector<Port> Classifier::takes() {
  const auto s = shape();
  return {{"pictures", DType::f32, {kAnyBatch, s.channels, s.height, s.width}}};
}

Tensors Classifier::forward(std::span<const Tensor> in) { return {softmax((*network_)(in[0]), 1)}; }

std::vector<uint8_t> Classifier::planes_of(const std::string& file) const {
  std::vector<uint8_t> chw(shape().size());
  data::planes_of(data::fit_picture(io::read_image(file), shape()), chw.data());
  return chw;
}

Tensor Classifier::input_of(const std::vector<uint8_t>& chw) const {
  const auto s = shape();
  std::vector<float> pixels(chw.size());
  data::normalize_image(chw.data(), s, options_.normalization(), pixels.data());
  return from_host(pixels.data(), {1, s.channels, s.height, s.width}, DType::f32);
}

Tensors Classifier::read(const std::string& file) { return {input_of(planes_of(file))}; }

Tensor Classifier::batch_of(const data::ImageDataset& set, int64_t first, int64_t count) const {
  const auto s = set.shape();
  std::vector<uint8_t> chw(s.size());
  std::vector<float> pixels(count * s.size());
  for (int64_t i = 0; i < count; ++i) {
    set.image(first + i, chw.data());
    data::normalize_image(chw.data(), s, options_.normalization(), &pixels[i * s.size()]);
  }
  return from_host(pixels.data(), {count, s.channels, s.height, s.width}, DType::f32);
}

Tensor Classifier::logits(const Tensor& images) {
  const NoGrad no_grad;
  return forward_.call({&images, 1})[0];
}

Classifier::ActivationReader::ActivationReader(const Classifier& classifier)
    : network_(classifier.network_),
      head_(last_linear(network_)),
      hook_(head_.on_forward([this](const Tensors& inputs, const Tensor&) {
        features_ = inputs[0];
        return Tensor();
      })) {}

Classifier::Activations Classifier::ActivationReader::operator()(const Tensor& images) {
  const NoGrad no_grad;
  const Tensor logits = (*network_)(images);
  return {std::exchange(features_, Tensor()), logits};
}

// Far from all pictures that were learned from; runs of before kept only mean and deviation.
std::string Classifier::warning_for(float brightness) const {
  constexpr float kLeastMargin = 0.1f, kMargin = 0.25f, kDeviations = 1.5f;
  float low = 0, high = 0;
  if (options_.brightness->size() == 2) {
    low = (*options_.brightness)[0], high = (*options_.brightness)[1];
    const float margin = std::max(kLeastMargin, kMargin * (high - low));
    low -= margin, high += margin;
  } else {
    const float mean = (*options_.mean)[0], spread = kDeviations * (*options_.deviation)[0];
    low = mean - spread, high = mean + spread;
  }
  const auto fits = [&](float b) { return b >= low && b <= high; };
  if (fits(brightness)) return "";
  const std::string found = fmt::format(
      "its mean is {:.0f} % of white, of the pictures that were learned from {:.0f} to {:.0f} %: "
      "what is said of it means little",
      brightness * 100, std::max(low, 0.f) * 100, std::min(high, 1.f) * 100);
  return found + (fits(1 - brightness) ? "; light and dark may be swapped: try --invert" : "");
}

Seen Classifier::predict(const std::string& image_path, int64_t top, bool invert) {
  std::vector<uint8_t> chw = planes_of(image_path);
  if (invert)
    for (uint8_t& value : chw) value = static_cast<uint8_t>(255 - value);
  const auto p = softmax(logits(input_of(chw)), 1).to_vector<float>();
  Seen seen{{}, warning_for(data::brightness_of(chw.data(), shape()))};
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
  Json result = {{"task", kTask}, {"split", data::name_of(split)}};
  result.update(meter_.measure(set));
  check(std::isfinite(result["loss"].get<double>()),
        "'{}': the loss on '{}' is not finite: the weights hold NaN or infinity, or overflow; use "
        "an earlier checkpoint",
        path(), set->name());
  return result;
}

}  // namespace cairn::tasks::image_classification
