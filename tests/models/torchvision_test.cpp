// Names, shapes and answers of torchvision's networks (tools/dump_torchvision.py).
#include "cairn/models/torchvision.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "cairn/base/invalid_option.h"
#include "cairn/io/file.h"
#include "cairn/models/image_classifiers.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "tests/io/temporary_folder.h"

namespace cairn::models {
namespace {

constexpr int kSide = 64, kClasses = 10;

std::vector<float> waves(int64_t count, double phase, double scale, double middle) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(
        static_cast<float>(middle + scale * std::sin(static_cast<double>(i) * 0.7 + phase)));
  return values;
}

// As the script fills torchvision's.
NamedTensors filled(const nn::Module& network) {
  std::map<std::string, Tensor> by_name;
  for (const auto& [name, value] : network.state_dict()) by_name[name] = value;
  NamedTensors all;
  int k = 0;
  for (const auto& [name, value] : by_name) {
    const double phase = k++;
    if (value.rank() == 0) continue;
    double scale = 0.1, middle = 0;
    if (name.ends_with("running_var")) scale = 0.5, middle = 1;
    else if ((name.ends_with("weight") && value.rank() == 1) || name.ends_with("layer_scale"))
      middle = 1;
    else if (value.rank() > 1 && name.ends_with("weight"))
      scale =
          std::sqrt(0.5 * static_cast<double>(value.size(0)) / static_cast<double>(value.numel()));
    all.emplace_back(name, tensor(waves(value.numel(), phase, scale, middle), value.shape()));
  }
  return all;
}

std::string in_words(const Shape& shape) {
  std::string words;
  for (int i = 0; i < shape.ssize(); ++i) words += (i ? "x" : "") + std::to_string(shape[i]);
  return words;
}

TEST(Torchvision, NamesShapesAndAnswersAreItsOwn) {
  const NoGrad no_grad;
  const auto rows = nlohmann::json::parse(
      io::read_text_file(std::string(CAIRN_SOURCE_DIR) + "/tests/models/data/torchvision.json"));
  ASSERT_EQ(rows.size(), 5u);
  const Tensor x = tensor(waves(int64_t{3} * kSide * kSide, 0.5, 1, 0), {1, 3, kSide, kSide});
  for (const auto& row : rows) {
    const std::string model = row["model"];
    const nn::AnyModule network = model == "vit_tiny"
                                      ? VisionTransformer({.side = kSide, .classes = kClasses})
                                      : make_image_classifier(model, {3, kSide, kSide}, kClasses);
    std::map<std::string, std::string> own, wanted = row["tensors"];
    for (const auto& [name, value] : network->state_dict()) own[name] = in_words(value.shape());
    EXPECT_EQ(own, wanted) << model;
    network->load_state_dict(filled(*network), false);
    network->eval();
    const auto logits = (*network)(x).to_vector<float>();
    double largest = 0;
    for (const double v : row["logits"]) largest = std::max(largest, std::abs(v));
    for (size_t i = 0; i < logits.size(); ++i)
      EXPECT_NEAR(logits[i], row["logits"][i].get<double>(), 1e-3 * largest) << model;
  }
}

TEST(Torchvision, OtherShapesAndTheirErrors) {
  const NoGrad no_grad;
  for (const char* model : {"resnet34", "mobilenet_v2", "convnext_tiny", "vit_tiny"}) {
    const nn::AnyModule network = make_image_classifier(model, {1, 32, 32}, 3);
    network->eval();
    const Tensor y = (*network)(randn({2, 1, 32, 32}));
    EXPECT_EQ(y.shape(), (Shape{2, 3})) << model;
    for (const float v : y.to_vector<float>()) EXPECT_TRUE(std::isfinite(v)) << model;
  }
  EXPECT_THROW(make_image_classifier("resnet50", {3, 28, 28}, 10), InvalidOption);
  EXPECT_ERROR(make_image_classifier("vit_tiny", {3, 32, 36}, 10), "multiple of 4");
  EXPECT_ERROR(VisionTransformer({.side = 30}), "no multiple of the patch");
}

}  // namespace
}  // namespace cairn::models
