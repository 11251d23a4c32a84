#include "cairn/models/gan.h"

#include <gtest/gtest.h>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/compile/compile.h"
#include "cairn/optim/optim.h"

namespace cairn::models {
namespace {

std::string error_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) { return e.what(); }
  return "";
}

Tensor labels_of(int64_t count, int64_t classes) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(i % classes);
  return tensor(labels, {count});
}

}  // namespace

TEST(Gan, SidesChannelsAndClasses) {
  for (const int64_t side : {16, 20, 24, 28, 32, 40, 64, 96})
    for (const int64_t channels : {1, 3})
      for (const int64_t classes : {0, 4}) {
        const GanSize size{
            .side = side, .channels = channels, .width = 4, .z = 5, .classes = classes};
        const Generator g(size);
        const Tensor z = randn({3, 5}), y = labels_of(3, 4);
        const Tensor images = classes ? g(z, y) : g(z);
        EXPECT_EQ(images.shape(), (Shape{3, channels, side, side}));
        EXPECT_LE(amax(abs(images)).item(), 1);
        for (const GanNorm norm : {GanNorm::none, GanNorm::batch, GanNorm::spectral}) {
          const Discriminator d(size, norm);
          EXPECT_EQ((classes ? d(images, y) : d(images)).shape(), Shape{3});
        }
      }
}

TEST(Gan, SidesThatDoNotFit) {
  EXPECT_NE(error_of([] { check_gan_image(8, 8); }).find("smaller than the network"),
            std::string::npos);
  EXPECT_NE(error_of([] { check_gan_image(28, 32); }).find("square"), std::string::npos);
  const std::string odd = error_of([] { Generator g({.side = 30}); });
  EXPECT_NE(odd.find("28 and 32"), std::string::npos) << odd;
}

TEST(Gan, LabelsAreWantedWhereThereAreClasses) {
  const GanSize plain{.side = 16, .channels = 1, .width = 2, .z = 3};
  GanSize conditional = plain;
  conditional.classes = 4;
  const Tensor z = randn({2, 3}), y = labels_of(2, 4);
  const Generator with(conditional), without(plain);
  EXPECT_NE(error_of([&] { with(z); }).find("wants labels"), std::string::npos);
  EXPECT_NE(error_of([&] { without(z, y); }).find("without classes"), std::string::npos);
}

TEST(Gan, ALabelChangesTheImageAndTheScore) {
  manual_seed(2);
  const GanSize size{.side = 16, .channels = 1, .width = 4, .z = 3, .classes = 2};
  const Generator g(size);
  const Discriminator d(size, GanNorm::none);
  g.eval();
  const Tensor z = randn({1, 3}), zero = zeros({1}, DType::i64), one = ones({1}, DType::i64);
  const Tensor image = g(z, zero);
  EXPECT_GT(sum(abs(image - g(z, one))).item(), 1e-3);
  EXPECT_NE(d(image, zero).item(), d(image, one).item());
}

// Both networks in one compiled step: the losses are those of the same step run op by op.
TEST(Gan, OneCompiledStepIsTheEagerOne) {
  std::vector<float> losses[2];
  for (const bool compiled : {false, true}) {
    manual_seed(9);
    const GanSize size{.side = 16, .channels = 1, .width = 4, .z = 3, .classes = 2};
    const Generator g(size);
    const Discriminator d(size, GanNorm::spectral);
    optim::Adam opt_g(g.parameters(), {.lr = 1e-3}), opt_d(d.parameters(), {.lr = 1e-3});
    const Tensor real = randn({4, 1, 16, 16}), y = labels_of(4, 2);
    const auto body = [&](const Tensor& x, const Tensor& labels) -> Tensor {
      const Tensor fake = g(randn({4, 3}), labels);
      const Tensor loss =
          nn::discriminator_loss(nn::GanLoss::hinge, d(x, labels), d(fake.detach(), labels)) +
          nn::r1_penalty([&](const Tensor& at) { return d(at, labels); }, x) * 0.05;
      opt_d.step(loss);
      const Tensor score = d(fake, labels);
      opt_g.step(nn::generator_loss(nn::GanLoss::hinge, score));
      return loss;
    };
    auto step = compile(body);
    for (int i = 0; i < 4; ++i)
      losses[compiled].push_back(
          static_cast<float>((compiled ? step(real, y) : body(real, y)).item()));
  }
  for (size_t i = 0; i < losses[0].size(); ++i)
    EXPECT_NEAR(losses[1][i], losses[0][i], 1e-4 * (1 + std::abs(losses[0][i]))) << "step " << i;
}

}  // namespace cairn::models
