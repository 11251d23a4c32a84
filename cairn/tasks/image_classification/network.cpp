#include "cairn/models/cnn.h"
#include "cairn/tasks/image_classification/task.h"

namespace cairn::tasks::image_classification {
namespace {

void need(const std::string& model, const data::ImageShape& shape, bool fits,
          const std::string& wanted) {
  if (!fits)
    throw InvalidOption("model", fmt::format("{} takes images of {}, the data has {}", model,
                                             wanted, data::to_string(shape)));
}

}  // namespace

nn::AnyModule make_network(const std::string& model, const data::ImageShape& shape,
                           int64_t classes) {
  const int least = std::min(shape.height, shape.width);
  if (model == "lenet") {
    need(model, shape, shape.height == 28 && shape.width == 28,
         "28x28 (resnet9 and resnet18 take others)");
    return models::LeNet(shape.channels, classes);
  }
  if (model == "resnet9") {
    need(model, shape, least >= 16, "at least 16x16");
    return models::ResNet9(classes, shape.channels);
  }
  need(model, shape, least >= 8, "at least 8x8");
  return models::ResNet18Cifar(classes, shape.channels);
}

void fill_recipe(Options& o, const data::ImageShape& shape, int64_t images) {
  const bool grey = shape.channels == 1;
  o.model.fill(grey && shape.height == 28 && shape.width == 28 ? "lenet" : "resnet9");
  const bool small = o.model == "lenet";
  o.batch.fill(64), o.lr.fill(small ? 2.5e-3 : 4e-3);
  o.weight_decay.fill(small ? 1e-2 : 5e-2), o.label_smoothing.fill(0.1), o.ema.fill(0.998);
  o.crop.fill(grey ? 0 : 4), o.flip.fill(!grey), o.rotate.fill(grey ? 10 : 0);
  o.shift.fill(grey ? 2 : 0), o.scale.fill(grey ? 0.1 : 0), o.shear.fill(grey ? 0.1 : 0);
  const int64_t per_epoch = (images + o.batch - 1) / o.batch;
  train::fill_length(o, per_epoch, !small ? 10 : images > 40000 ? 12 : 8);
  o.eval_every.fill(per_epoch);
}

data::ImageShape Options::image_shape() const {
  check(shape->size() == 3, "the configuration's shape has {} numbers, not 3", shape->size());
  const auto side = [&](size_t i) { return static_cast<int>((*shape)[i]); };
  return {side(0), side(1), side(2)};
}

data::Augment Options::augment() const {
  return {.crop_padding = static_cast<int>(*crop),
          .flip = flip,
          .rotate_degrees = static_cast<float>(*rotate),
          .shift_pixels = static_cast<float>(*shift),
          .scale = static_cast<float>(*scale),
          .shear = static_cast<float>(*shear)};
}

}  // namespace cairn::tasks::image_classification
