#include "cairn/models/image_classifiers.h"

#include <algorithm>

#include "cairn/base/invalid_option.h"
#include "cairn/models/cnn.h"

namespace cairn::models {
namespace {

struct Row {
  const char *name, *takes;
  int least, most;  // of both sides
  nn::AnyModule (*make)(int64_t channels, int64_t classes);
};
template <class Network>
nn::AnyModule make(int64_t channels, int64_t classes) {
  return Network(classes, channels);
}
const Row kRows[] = {
    {"lenet", "28x28 (resnet9 and resnet18 take others)", 28, 28,
     [](int64_t channels, int64_t classes) -> nn::AnyModule { return LeNet(channels, classes); }},
    {"resnet9", "at least 16x16", 16, 1 << 20, make<ResNet9>},
    {"resnet18", "at least 8x8", 8, 1 << 20, make<ResNet18Cifar>},
    {"squeezenet", "at least 35x35", 35, 1 << 20, make<SqueezeNet>}};

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
  return row->make(shape.channels, classes);
}

}  // namespace cairn::models
