#include "cairn/data/picture_pairs.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "cairn/io/file.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

void put(const std::string& path, int width, int height, uint8_t left, uint8_t right,
         int channels = 3) {
  fs::create_directories(fs::path(path).parent_path());
  io::Image image(width, height, channels, left);
  for (int y = 0; y < height; ++y)
    for (int x = width / 2; x < width; ++x) std::fill_n(image.at(x, y), channels, right);
  io::write_png(path, image);
}

TEST(PicturePairs, SideBySide) {
  const TemporaryFolder folder;
  for (int i = 0; i < 3; ++i) put(folder / fmt::format("train/{}.png", i), 48, 24, 10, 200);
  put(folder / "test/9.png", 48, 24, 20, 100);
  const PairSplits s = open_picture_pairs(folder.path(), {});
  EXPECT_EQ(s.side, 24);
  EXPECT_TRUE(s.side_by_side);
  EXPECT_EQ(s.train->size(), 3);
  EXPECT_EQ(s.test->get(0).input.pixels[0], 100);
  EXPECT_EQ(s.test->get(0).target.pixels[0], 20);
  const PairSplits other = open_picture_pairs(folder.path(), {.input_is_left = true, .side = 16});
  EXPECT_EQ(other.test->get(0).input.pixels[0], 20);
  EXPECT_EQ(other.test->get(0).input.width, 16);
}

TEST(PicturePairs, FoldersOfTwo) {
  const TemporaryFolder folder;
  for (int i = 0; i < 3; ++i) {
    put(folder / fmt::format("input/{}.png", i), 20, 20, 5, 5, 1);
    put(folder / fmt::format("target/{}.png", i), 24, 28, 90, 90);
  }
  const PairSplits s = open_picture_pairs(folder.path(), {});
  EXPECT_EQ(s.train->size(), 3);
  EXPECT_FALSE(s.test);
  EXPECT_EQ(s.channels, (std::array{1, 3}));
  EXPECT_EQ(s.train->get(1).input.pixels[0], 5);
  EXPECT_EQ(s.train->get(1).target.width, 24);
  fs::remove(folder / "target/1.png");
  EXPECT_ERROR(open_picture_pairs(folder.path(), {}), "input/1.png' has no partner in");
  const PairSplits rest = open_picture_pairs(folder.path(), {.skip_bad = true});
  EXPECT_EQ(rest.train->size(), 2);
  EXPECT_NE(rest.left_out.find("1 without a partner"), std::string::npos) << rest.left_out;
}

TEST(PicturePairs, APartnerThatIsNoPictureOrOneOfTwoIsNamed) {
  const TemporaryFolder folder;
  for (int i = 0; i < 3; ++i) {
    put(folder / fmt::format("A/{}.png", i), 20, 20, 5, 5);
    put(folder / fmt::format("B/{}.png", i), 20, 20, 90, 90);
  }
  io::write_file_atomically(folder / "B/1.png", std::string_view());
  EXPECT_ERROR(open_picture_pairs(folder.path(), {}), "B/1.png");
  PairSplits rest = open_picture_pairs(folder.path(), {.skip_bad = true});
  EXPECT_EQ(rest.train->size(), 2);
  EXPECT_NE(rest.left_out.find("1 damaged"), std::string::npos) << rest.left_out;
  put(folder / "B/1.png", 20, 20, 90, 90), put(folder / "B/1.ppm", 20, 20, 80, 80);
  EXPECT_ERROR(open_picture_pairs(folder.path(), {}), "B/1.ppm' have one name");
  rest = open_picture_pairs(folder.path(), {.skip_bad = true});
  EXPECT_EQ(rest.train->size(), 3);
  EXPECT_NE(rest.left_out.find("1 of a name that another has"), std::string::npos) << rest.left_out;
}

TEST(PicturePairs, FaultsAreNamed) {
  const TemporaryFolder folder;
  EXPECT_ERROR(open_picture_pairs("/nowhere/at/all", {}), "no such data: '/nowhere/at/all'");
  EXPECT_ERROR(open_picture_pairs(folder.path(), {}), "has no pairs of pictures; wanted are");
  put(folder / "a.png", 40, 24, 1, 2);
  EXPECT_ERROR(open_picture_pairs(folder.path(), {}), "a.png' is 40 x 24 pixels: a pair");
  put(folder / "b.png", 48, 24, 1, 2);
  EXPECT_EQ(open_picture_pairs(folder.path(), {.skip_bad = true}).train->size(), 1);
  const auto whole = io::read_file(folder / "b.png");
  io::write_file_atomically(folder / "a.png", io::Bytes(whole).first(60));
  EXPECT_ERROR(open_picture_pairs(folder.path(), {}), "a.png': damaged or truncated PNG");
}

TEST(PicturePairs, DrawnOutlinesBoundWhatIsFilled) {
  const PairSplits s = open_picture_pairs("shapes", {});
  const PicturePair a = s.train->get(3), again = draw_outlines(1, 3), other = s.test->get(3);
  EXPECT_EQ(a.input.pixels, again.input.pixels);
  EXPECT_NE(a.input.pixels, other.input.pixels);
  int dark_in = 0, dark_out = 0;
  for (uint8_t v : a.input.pixels) dark_in += v < 128;
  for (uint8_t v : a.target.pixels) dark_out += v < 128;
  EXPECT_GT(dark_in, 20);
  EXPECT_GT(dark_out, dark_in);
}

}  // namespace
}  // namespace cairn::data
