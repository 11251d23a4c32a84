// Mixed pictures: whose parts they are, and how large.
#include "cairn/data/mix.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cairn::data {
namespace {

TEST(Mix, BetaHasItsMeanAndVariance) {
  for (const double alpha : {0.2, 1.0, 4.0}) {
    double sum = 0, squares = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      PhiloxStream random(3, static_cast<uint64_t>(i));
      const double v = draw_beta(alpha, random);
      ASSERT_TRUE(v >= 0 && v <= 1);
      sum += v, squares += v * v;
    }
    const double mean = sum / kDraws;
    EXPECT_NEAR(mean, 0.5, 0.01);
    EXPECT_NEAR(squares / kDraws - mean * mean, 1 / (4 * (2 * alpha + 1)), 0.003) << alpha;
  }
}

// Three pictures of one value each.
std::vector<float> plain(const ImageShape& shape) {
  std::vector<float> images;
  for (const float value : {1.0f, 10.0f, 100.0f})
    images.insert(images.end(), static_cast<size_t>(shape.size()), value);
  return images;
}

TEST(Mix, CutmixTakesARectangleOfItsPartnersAndSaysHowMuchIsOwn) {
  const ImageShape shape{2, 8, 9};
  int cut = 0;
  for (uint64_t i = 0; i < 50; ++i) {
    auto images = plain(shape);
    const float own = mix_batch({.cutmix = 1}, shape, 3, PhiloxStream(5, i), images.data());
    const float values[] = {1, 10, 100};
    for (int64_t k = 0; k < 3; ++k) {
      const float* picture = &images[static_cast<size_t>(k * shape.size())];
      const int64_t mine = std::count(picture, picture + shape.size(), values[k]);
      EXPECT_EQ(std::count(picture, picture + shape.size(), values[(k + 2) % 3]),
                shape.size() - mine);
      EXPECT_NEAR(own, static_cast<double>(mine) / static_cast<double>(shape.size()), 1e-6);
    }
    cut += own < 1;
  }
  EXPECT_GT(cut, 25);
}

TEST(Mix, BothAreEitherOfThem) {
  const ImageShape shape{1, 8, 8};
  int sums = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    auto images = plain(shape);
    mix_batch({.mixup = 1, .cutmix = 1}, shape, 3, PhiloxStream(6, i), images.data());
    sums += images[0] != 1 && images[0] != 100;
  }
  EXPECT_NEAR(sums, 50, 20);
}

}  // namespace
}  // namespace cairn::data
