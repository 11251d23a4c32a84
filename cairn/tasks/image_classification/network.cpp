#include "cairn/tasks/image_classification/network.h"

#include "cairn/models/cnn.h"

namespace cairn::tasks::image_classification {

std::vector<std::string> model_names() { return {"lenet", "resnet9", "resnet18"}; }

namespace {

[[noreturn]] void unknown_model(const std::string& name) {
  std::string known;
  for (const std::string& n : model_names()) known += (known.empty() ? "" : ", ") + n;
  const std::string near = nearest_name(name, model_names());
  throw UsageError(fmt::format("--model: no network '{}'{}; there are {}", name,
                               near.empty() ? "" : fmt::format(" (did you mean {}?)", near),
                               known));
}

}  // namespace

nn::AnyModule make_network(const std::string& name, const data::ImageShape& shape,
                           int64_t classes) {
  if (name == "lenet") {
    if (shape.height != 28 || shape.width != 28)
      fail("--model lenet takes images of 28x28, the data has {}; use resnet9 or resnet18",
           data::to_string(shape));
    return models::LeNet(shape.channels, classes);
  }
  if (name == "resnet9") {
    if (shape.height < 16 || shape.width < 16)
      fail("--model resnet9 takes images of at least 16x16, the data has {}",
           data::to_string(shape));
    return models::ResNet9(classes, shape.channels);
  }
  if (name == "resnet18") {
    if (shape.height < 8 || shape.width < 8)
      fail("--model resnet18 takes images of at least 8x8, the data has {}",
           data::to_string(shape));
    return models::ResNet18Cifar(classes, shape.channels);
  }
  unknown_model(name);
}

Recipe recipe_for(const std::string& wanted, const data::ImageDataset& dataset) {
  const bool grey = dataset.shape().channels == 1;
  const bool lenet_fits = dataset.shape().height == 28 && dataset.shape().width == 28;
  Recipe r;
  r.model = !wanted.empty() ? wanted : grey && lenet_fits ? "lenet" : "resnet9";
  r.batch = 64, r.weight_decay = 1e-2, r.label_smoothing = 0, r.ema = 0.998;
  if (r.model == "lenet") {
    r.epochs = dataset.size() > 40000 ? 12 : 8, r.lr = 2.5e-3, r.label_smoothing = 0.1;
  } else {
    r.epochs = 10, r.lr = 4e-3, r.weight_decay = 5e-2, r.label_smoothing = 0.1;
  }
  if (grey) {
    r.augment.rotate_degrees = 10, r.augment.shift_pixels = 2, r.augment.scale = 0.1f,
    r.augment.shear = 0.1f;
  } else {
    r.augment.crop_padding = 4, r.augment.flip = true;
  }
  return r;
}

}  // namespace cairn::tasks::image_classification
