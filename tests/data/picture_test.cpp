// From a picture to what a network gets, and data sets of pictures made from others.
#include "cairn/data/picture.h"

#include <gtest/gtest.h>

#include "cairn/base/error.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

ImageDatasetPtr set_of(const std::vector<std::string>& classes,
                       const ImageShape& shape = {1, 2, 2}) {
  std::vector<uint8_t> pixels, labels;
  for (size_t i = 0; i < classes.size(); ++i) {
    pixels.insert(pixels.end(), static_cast<size_t>(shape.size()), static_cast<uint8_t>(10 * i));
    labels.push_back(static_cast<uint8_t>(i));
  }
  return std::make_shared<MemoryImages>("set", shape, classes, pixels, labels);
}

TEST(Picture, FitsTheMiddleInColourOrGrey) {
  io::Image wide(6, 2, 3, 0);
  for (int y = 0; y < 2; ++y)
    for (int x = 2; x < 4; ++x) std::fill_n(wide.at(x, y), 3, uint8_t(200));
  const io::Image grey = fit_picture(wide, {1, 2, 2});
  EXPECT_EQ(grey.channels, 1);
  EXPECT_EQ(grey.pixels, io::ByteVector(4, 200));  // the middle only
  const io::Image large = fit_picture(wide, {3, 4, 4});
  EXPECT_EQ(large.width, 4);
  EXPECT_EQ(large.at(0, 0)[2], 200);
}

TEST(Picture, PlanesAndBack) {
  io::Image image(2, 1, 3);
  image.pixels = {1, 2, 3, 4, 5, 6};
  std::vector<uint8_t> chw(6);
  planes_of(image, chw.data());
  EXPECT_EQ(chw, (std::vector<uint8_t>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(picture_of(chw.data(), {3, 1, 2}).pixels, image.pixels);
}

TEST(Picture, SetsAreFittedAndChosen) {
  const auto set = set_of({"a", "b", "c"});
  EXPECT_EQ(fitted(set, {1, 2, 2}), set);  // it has the shape
  const auto colour = fitted(set, {3, 4, 4});
  std::vector<uint8_t> chw(48);
  colour->image(2, chw.data());
  EXPECT_EQ(chw, std::vector<uint8_t>(48, 20));
  const auto two = chosen(set, {2, 0});
  EXPECT_EQ(two->size(), 2);
  EXPECT_EQ(two->label(0), 2);
  EXPECT_ERROR(chosen(set, {3}), "picture 3 of 3");
}

TEST(Picture, ClassesGoByName) {
  const auto set = set_of({"dog", "cat"});
  const auto turned = with_classes(set, {"cat", "cow", "dog"});
  EXPECT_EQ(turned->label(0), 2);
  EXPECT_EQ(turned->label(1), 0);
  EXPECT_EQ(turned->classes().size(), 3u);
  EXPECT_ERROR(with_classes(set, {"cat", "cow"}), "it has 'dog'");
  EXPECT_EQ(with_classes(set_of({"0", "1"}), {"cat", "dog"})->label(1), 1);  // by number
  EXPECT_ERROR(with_classes(set_of({"0", "1", "2"}), {"cat", "dog"}), "not those of the training");
  // Numbers that are names, or count names.
  EXPECT_EQ(with_classes(set_of({"3", "7"}), {"0", "1", "2", "3", "4", "5", "6", "7"})->label(1),
            7);
  EXPECT_EQ(with_classes(set_of({"1", "2"}), {"a", "b", "c"})->label(0), 1);
  EXPECT_ERROR(with_classes(set_of({"1", "26"}), {"a", "b"}), "it has '1'");
  EXPECT_EQ(with_classes(set_of({"cat", "dog"}), {"0", "1"})->label(1), 1);
  EXPECT_ERROR(with_classes(set_of({"cat", "dog"}), {"0", "1", "2"}), "it has 'cat'");
  EXPECT_TRUE(classes_agree({"0", "1"}, {"cat", "dog"}));
  EXPECT_FALSE(classes_agree({"cat", "dog"}, {"dog", "cat"}));
}

}  // namespace
}  // namespace cairn::data
