#include "cairn/tasks/image_classification/evaluate.h"

#include <algorithm>
#include <cmath>

#include "cairn/compile/compile.h"
#include "cairn/data/loader.h"
#include "cairn/io/image.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/network.h"
#include "cairn/train/quantized_run.h"

namespace cairn::tasks::image_classification {
namespace {

constexpr int64_t kEvalBatch = 256;

}  // namespace

Json measure(const nn::Module& network, const data::ImageDataset& set, data::Split split,
             const data::Normalization& normalization) {
  NoGrad no_grad;
  auto forward = compile([&](Tensor x, Tensor y) {
    const Tensor logits = network(x);
    return std::tuple{argmax(logits, 1), cross_entropy(logits, y, {.reduction = Reduction::sum})};
  });
  const int64_t classes = static_cast<int64_t>(set.classes().size());
  std::vector<std::vector<int64_t>> confusion(classes, std::vector<int64_t>(classes, 0));
  const data::ImageDatasetPtr unowned(std::shared_ptr<void>(), &set);
  data::Loader loader(
      unowned,
      {.batch = kEvalBatch, .shuffle = false, .normalization = normalization, .threads = 1});
  data::Batch batch;
  double loss = 0;
  int64_t right = 0;
  while (loader.next(batch)) {
    const auto [guess, sum] = forward(batch.x(), batch.y());
    loss += sum.item();
    const auto guesses = guess.to_vector<int64_t>();
    for (int64_t i = 0; i < batch.count; ++i) {
      right += guesses[i] == batch.labels[i];
      ++confusion[batch.labels[i]][guesses[i]];
    }
  }
  const double n = static_cast<double>(set.size());
  return {{"task", kTask},          {"split", data::name_of(split)},
          {"examples", set.size()}, {"accuracy", static_cast<double>(right) / n},
          {"loss", loss / n},       {"confusion", confusion}};
}

struct Classifier::Net {
  nn::AnyModule module;
};

Classifier::Classifier(const std::string& path) {
  const train::SavedModel saved = train::open_saved_model(path, kTask);
  const train::Json& config = saved.config;
  try {
    model_ = config.at("model"), data_ = config.at("data");
    classes_ = config.at("classes").get<std::vector<std::string>>();
    const auto shape = config.at("shape").get<std::vector<int>>();
    check(shape.size() == 3, "{}: the configuration's shape has {} numbers, not 3", path,
          shape.size());
    shape_ = {shape[0], shape[1], shape[2]};
    normalization_ = {config.at("mean").get<std::vector<float>>(),
                      config.at("deviation").get<std::vector<float>>()};
  } catch (const nlohmann::json::exception& e) {
    fail("{}: the run's configuration is damaged: {}", path, e.what());
  }
  net_ = std::make_unique<Net>(Net{train::with_weights(
      saved, make_network(model_, shape_, static_cast<int64_t>(classes_.size())))});
  net_->module->eval();
}
Classifier::~Classifier() = default;

const nn::Module& Classifier::network() const { return *net_->module; }
const nn::AnyModule& Classifier::module() const { return net_->module; }

Tensor Classifier::logits(const Tensor& images) const {
  NoGrad no_grad;
  return (*net_->module)(images);
}

Classifier::Look Classifier::look(const Tensor& images) const {
  std::string last;
  for (const auto& [name, module] : net_->module->named_modules())
    if (module.type() == "Linear") last = name;
  const nn::Module head = net_->module->find(last);
  Look seen;
  const int hook = head.on_forward([&](const Tensors& inputs, const Tensor&) {
    seen.features = inputs[0];
    return Tensor();
  });
  seen.logits = logits(images);
  head.remove_hook(hook);
  return seen;
}

std::vector<Prediction> Classifier::predict(const std::string& image_path, int top) const {
  const io::Image image = io::resize(io::with_channels(io::read_image(image_path), shape_.channels),
                                     shape_.width, shape_.height);
  std::vector<uint8_t> chw(shape_.size());
  for (int c = 0; c < shape_.channels; ++c)
    for (int y = 0; y < shape_.height; ++y)
      for (int x = 0; x < shape_.width; ++x)
        chw[(size_t(c) * shape_.height + y) * shape_.width + x] = image.at(x, y)[c];
  std::vector<float> pixels(chw.size());
  data::normalize_image(chw.data(), shape_, normalization_, pixels.data());
  const auto p =
      softmax(logits(from_host(pixels.data(), {1, shape_.channels, shape_.height, shape_.width},
                               DType::f32)),
              1)
          .to_vector<float>();
  std::vector<Prediction> all;
  for (size_t i = 0; i < p.size(); ++i) all.push_back({classes_[i], p[i]});
  std::stable_sort(all.begin(), all.end(), [](const Prediction& a, const Prediction& b) {
    return a.probability > b.probability;
  });
  all.resize(std::min<size_t>(all.size(), static_cast<size_t>(std::max(1, top))));
  return all;
}

Json evaluate(const std::string& run, const std::string& data, data::Split split) {
  const Classifier classifier(run);
  const auto set = data::open_image_dataset(data.empty() ? classifier.data() : data, split);
  if (!(set->shape() == classifier.shape()))
    fail("{}: images are {}, but the run was trained on {}", set->name(),
         data::to_string(set->shape()), data::to_string(classifier.shape()));
  if (set->classes().size() != classifier.classes().size())
    fail("{}: has {} classes, but the run was trained on {}", set->name(), set->classes().size(),
         classifier.classes().size());
  struct Shell : nn::Module {
    const Classifier& c;
    explicit Shell(const Classifier& c) : c(c) {}
    Tensor forward(Tensor x) override { return c.logits(x); }
  };
  Json result = measure(Shell(classifier), *set, split, classifier.normalization());
  check(std::isfinite(result["loss"].get<double>()),
        "'{}': the loss on '{}' is not finite: the weights hold NaN or infinity, or overflow; use "
        "an earlier checkpoint",
        run, set->name());
  return result;
}

}  // namespace cairn::tasks::image_classification
