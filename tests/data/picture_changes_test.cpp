// Resized crops and colours that change.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "cairn/data/colour_jitter.h"
#include "cairn/data/resized_crop.h"
#include "cairn/data/transform.h"

namespace cairn::data {
namespace {

using Pixels = std::vector<uint8_t>;

Pixels some_colours(const ImageShape& shape) {
  Pixels pixels(static_cast<size_t>(shape.size()));
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(40 + 13 * i % 150);
  return pixels;
}

}  // namespace

TEST(ResizedCrop, PartsHaveTheAreaAndTheFormThatAreAllowed) {
  const ImageShape shape{3, 40, 60};
  double smallest = 1, largest = 0;
  std::set<int> lefts;
  for (int i = 0; i < 500; ++i) {
    PhiloxStream random = sample_stream(1, 0, i);
    const CropBox box = draw_crop(shape, 0.25f, random);
    ASSERT_GE(box.left, 0);
    ASSERT_LE(box.left + box.width, shape.width);
    ASSERT_GE(box.top, 0);
    ASSERT_LE(box.top + box.height, shape.height);
    const double area = box.width * box.height / 2400.0, form = 1.0 * box.width / box.height;
    smallest = std::min(smallest, area), largest = std::max(largest, area);
    ASSERT_GE(form, 0.7);
    ASSERT_LE(form, 1.43);  // 3:4 to 4:3, and whole pixels
    lefts.insert(box.left);
  }
  EXPECT_NEAR(smallest, 0.25, 0.03);
  EXPECT_GT(largest, 0.8);  // 53 x 40 is the largest of such a form
  EXPECT_GT(lefts.size(), 30u);
}

TEST(ResizedCrop, WhereNothingFitsItIsTheMiddle) {
  PhiloxStream random = sample_stream(1, 0, 0);
  const CropBox box = draw_crop({1, 4, 100}, 1, random);
  EXPECT_EQ(box.width, 5);
  EXPECT_EQ(box.height, 4);
  EXPECT_EQ(box.left, 47);
  const CropBox high = draw_crop({1, 100, 3}, 1, random);
  EXPECT_EQ(high.width, 3);
  EXPECT_EQ(high.height, 4);
  EXPECT_EQ(high.top, 48);
}

TEST(ResizedCrop, TheWholeIsThePictureAndAPartIsNearer) {
  const ImageShape shape{3, 8, 8};
  const Pixels in = some_colours(shape);
  Pixels out(in.size());
  crop_and_resize(in.data(), shape, {0, 0, 8, 8}, out.data());
  EXPECT_EQ(out, in);
  // The right half of a picture that is dark on the left.
  Pixels halves(in.size(), 200);
  for (size_t i = 0; i < halves.size(); ++i)
    if (i % 8 < 4) halves[i] = 10;
  crop_and_resize(halves.data(), shape, {4, 2, 4, 4}, out.data());
  EXPECT_EQ(out, Pixels(in.size(), 200));
}

TEST(ColourJitter, FactorsMultiplyAndGreyStaysGrey) {
  const ImageShape shape{3, 6, 6};
  const Pixels in = some_colours(shape);
  Pixels same = in;
  PhiloxStream random = sample_stream(2, 0, 0);
  jitter_colours(same.data(), shape, 0, random);
  EXPECT_EQ(same, in);
  double least = 1e9, most = 0;
  for (int i = 0; i < 100; ++i) {
    Pixels grey(in.size(), 100);
    PhiloxStream own = sample_stream(2, 0, i);
    jitter_colours(grey.data(), shape, 0.4f, own);
    ASSERT_EQ(std::set<uint8_t>(grey.begin(), grey.end()).size(), 1u);  // of one brightness
    least = std::min<double>(least, grey[0]), most = std::max<double>(most, grey[0]);
  }
  EXPECT_GE(least, 59);
  EXPECT_LT(least, 75);
  EXPECT_LE(most, 140);
  EXPECT_GT(most, 125);
}

TEST(Augment, CropsAndColoursAreOfTheSampleAlone) {
  const ImageShape shape{3, 16, 16};
  const Pixels in = some_colours(shape);
  const Augment augment{.resized_crop = 0.3f, .flip = true, .jitter = 0.3f};
  EXPECT_TRUE(augment.changes_bytes());
  Pixels first(in.size()), again(in.size()), other(in.size());
  augment_image(in.data(), shape, augment, sample_stream(7, 1, 3), first.data());
  augment_image(in.data(), shape, augment, sample_stream(7, 1, 3), again.data());
  augment_image(in.data(), shape, augment, sample_stream(7, 1, 4), other.data());
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
  EXPECT_NE(first, in);
}

}  // namespace cairn::data
