#include "cairn/models/image_classifiers.h"

#include <algorithm>

#include "cairn/base/invalid_option.h"
#include "cairn/models/airbench.h"
#include "cairn/models/cnn.h"
#include "cairn/models/torchvision.h"

namespace cairn::models {
namespace {

struct Row {
  const char *name, *takes;
  int least, most;  // of both sides
  nn::AnyModule (*make)(const data::ImageShape& shape, int64_t classes);
};
template <class Network>
nn::AnyModule make(const data::ImageShape& shape, int64_t classes) {
  return Network(classes, shape.channels);
}
// Patches of 16 pixels of photographs, of 4 of small pictures.
nn::AnyModule make_vit(const data::ImageShape& shape, int64_t classes) {
  const int64_t patch = shape.width >= 112 ? 16 : 4;
  if (shape.width != shape.height || shape.width % patch != 0)
    throw InvalidOption("model", fmt::format("vit_tiny takes squares whose side is a multiple of "
                                             "{}, the data has {}",
                                             patch, data::to_string(shape)));
  return VisionTransformer(
      {.side = shape.width, .patch = patch, .channels = shape.channels, .classes = classes});
}
const Row kRows[] = {{"lenet", "28x28 (resnet9 and resnet18 take others)", 28, 28,
                      [](const data::ImageShape& shape, int64_t classes) -> nn::AnyModule {
                        return LeNet(shape.channels, classes);
                      }},
                     {"airbench", "at least 16x16", 16, 1 << 20, make<Airbench>},
                     {"resnet9", "at least 16x16", 16, 1 << 20, make<ResNet9>},
                     {"resnet18", "at least 8x8", 8, 1 << 20, make<ResNet18Cifar>},
                     {"resnet34", "at least 32x32", 32, 1 << 20,
                      [](const data::ImageShape& shape, int64_t classes) -> nn::AnyModule {
                        return ResNet({3, 4, 6, 3}, false, classes, shape.channels);
                      }},
                     {"resnet50", "at least 32x32", 32, 1 << 20,
                      [](const data::ImageShape& shape, int64_t classes) -> nn::AnyModule {
                        return ResNet({3, 4, 6, 3}, true, classes, shape.channels);
                      }},
                     {"squeezenet", "at least 35x35", 35, 1 << 20, make<SqueezeNet>},
                     {"mobilenet_v2", "at least 32x32", 32, 1 << 20, make<MobileNetV2>},
                     {"convnext_tiny", "at least 32x32", 32, 1 << 20,
                      [](const data::ImageShape& shape, int64_t classes) -> nn::AnyModule {
                        return ConvNeXt(classes, shape.channels);
                      }},
                     {"vit_tiny", "at least 8x8", 8, 1 << 20, make_vit}};

}  // namespace

std::vector<std::string> image_classifier_names() {
  std::vector<std::string> names;
  for (const Row& row : kRows) names.emplace_back(row.name);
  return names;
}

nn::AnyModule make_image_classifier(const std::string& name, const data::ImageShape& shape,
                                    int64_t classes) {
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                 [&](const Row& r) { return r.name == name; });
  if (row == std::end(kRows))
    throw InvalidOption("model", no_such_name(name, image_classifier_names()));
  if (std::min(shape.height, shape.width) < row->least ||
      std::max(shape.height, shape.width) > row->most)
    throw InvalidOption("model", fmt::format("{} takes images of {}, the data has {}", name,
                                             row->takes, data::to_string(shape)));
  return row->make(shape, classes);
}

void look_at_pictures(const nn::AnyModule& network, const std::function<Tensor()>& pictures) {
  if (auto* airbench = dynamic_cast<Airbench*>(&*network)) airbench->whiten(pictures());
}

}  // namespace cairn::models
