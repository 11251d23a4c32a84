#include "cairn/ops/functions.h"
#include "cairn/tasks/object_detection/task.h"

namespace cairn::tasks::object_detection {
namespace {

models::Detector network_of(const train::SavedModel& saved, const Options& o) {
  check(o.shape->size() == 2, "'{}' is damaged: shape is no width and height", saved.config_file());
  for (const int64_t side : *o.shape)
    check(side > 0 && side <= 1 << 16 && side % models::Detector::kSide == 0,
          "'{}' is damaged: a side of shape is {}", saved.config_file(), side);
  models::Detector network(static_cast<int64_t>(o.classes->size()), o.width);
  train::load_weights(saved, network);
  network.eval();
  return network;
}

}  // namespace

ObjectDetector::ObjectDetector(const train::SavedModel& saved)
    : Model(saved),
      options_(options_of<Options>(saved, &Options::shape, &Options::classes)),
      network_(network_of(saved, options_)),
      finder_(network_, static_cast<int64_t>(options_.classes->size()), options_.view_width(),
              options_.view_height()) {}

data::DetectionDataset ObjectDetector::open(const std::string& source,
                                            const std::string& split) const {
  const auto s = options_.open(source);
  const auto set = split == "train" ? s.train : split == "validation" ? s.validation : s.test;
  check(set != nullptr, "'{}' has no {} part", source.empty() ? *options_.data : source, split);
  return set;
}

std::vector<Port> ObjectDetector::takes() {
  return {{"pictures", DType::f32, {kAnyBatch, 3, options_.view_height(), options_.view_width()}}};
}

Tensors ObjectDetector::forward(std::span<const Tensor> in) {
  return scores_and_boxes(network_, in[0], static_cast<int64_t>(classes().size()),
                          models::Detector::points(options_.view_height(), options_.view_width()));
}

Tensors ObjectDetector::read(const std::string& file) {
  const int width = options_.view_width(), height = options_.view_height();
  std::vector<float> planes(size_t{3} * width * height);
  const io::Image image = io::with_channels(io::read_image(file), 3);
  write_planes(data::letterboxed({file, image, {}}, width, height).image, planes.data());
  return {tensor(planes, {1, 3, height, width})};
}

std::vector<Tensor> ObjectDetector::inputs(int64_t examples) {
  constexpr int64_t kBatch = 16;
  const auto set = open("", "train");
  const int64_t width = options_.view_width(), height = options_.view_height();
  std::vector<Tensor> batches;
  for (int64_t first = 0; first < std::min(examples, set->size()); first += kBatch) {
    const int64_t count = std::min(kBatch, set->size() - first);
    std::vector<float> planes(static_cast<size_t>(count * 3 * width * height));
    for (int64_t i = 0; i < count; ++i)
      write_planes(data::letterboxed(set->get(first + i), int(width), int(height)).image,
                   &planes[static_cast<size_t>(i * 3 * width * height)]);
    batches.push_back(tensor(planes, {count, 3, height, width}));
  }
  return batches;
}

const Opener kOpener{kTask, open_as<ObjectDetector>};

}  // namespace cairn::tasks::object_detection
