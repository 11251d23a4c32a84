// What Grad-CAM says of a network whose answer is known.
#include "cairn/models/grad_cam.h"

#include <gtest/gtest.h>

#include "cairn/models/image_classifiers.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

// Two maps, x and -x, whose means are the logits.
struct TwoSided : nn::Module {
  nn::Conv2d conv = child("conv", nn::Conv2d(1, 2, 1, {.bias = false}));
  TwoSided() {
    const float signs[] = {1, -1};
    conv.load_state_dict({{"weight", from_host(signs, {2, 1, 1, 1}, DType::f32)}});
  }
  Tensor forward(Tensor x) override { return mean(conv(x), {2, 3}); }
};

TEST(GradCam, IsHighWhereThePictureSpeaksForTheClass) {
  const TwoSided network;
  const float values[] = {0, 1, 2, -3, 0, 4};
  const Tensor x = from_host(values, {1, 1, 2, 3}, DType::f32);
  EXPECT_EQ(grad_cam(network, x, 0).to_vector<float>(),
            (std::vector<float>{0, 0.25f, 0.5f, 0, 0, 1}));
  EXPECT_EQ(grad_cam(network, x, 1).to_vector<float>(), (std::vector<float>{0, 0, 0, 1, 0, 0}));
  const Tensor none = zeros({1, 1, 2, 3});
  EXPECT_EQ(grad_cam(network, none, 0).to_vector<float>(), std::vector<float>(6, 0));
}

TEST(GradCam, FindsTheMapsOfEveryConvolutionalClassifierAndNoneOfTokens) {
  for (const std::string& name : image_classifier_names()) {
    const data::ImageShape shape =
        name == "lenet" ? data::ImageShape{1, 28, 28} : data::ImageShape{3, 64, 64};
    const nn::AnyModule network = make_image_classifier(name, shape, 4);
    network->eval();
    const Tensor map = grad_cam(*network, randn({1, shape.channels, shape.height, shape.width}), 2);
    if (name.starts_with("vit")) continue;  // its only maps are of its patches
    SCOPED_TRACE(name);
    ASSERT_TRUE(map.defined());
    EXPECT_EQ(map.rank(), 2);
    for (const float v : map.to_vector<float>()) EXPECT_TRUE(v >= 0 && v <= 1) << v;
  }
  nn::Sequential dense(nn::Flatten(), nn::Linear(12, 3));
  EXPECT_FALSE(grad_cam(dense, randn({1, 3, 2, 2}), 0).defined());
}

}  // namespace
}  // namespace cairn::models
