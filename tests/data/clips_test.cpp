// Clips as networks take them: from IDX files, tables, class folders and drawings.
#include "cairn/data/clips.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cairn/base/invalid_option.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

// A folder of frames that get brighter: frame i is 10 * i.
void write_frames(const std::string& folder, int count, int from = 0) {
  fs::create_directories(folder);
  for (int i = 0; i < count; ++i) {
    std::ofstream file(fmt::format("{}/{}.pgm", folder, i + from));
    file << "P5\n4 4\n255\n" << std::string(16, static_cast<char>(10 * (i + from)));
  }
}
std::string error_of(const std::string& source, const ClipOptions& how = {}) {
  try {
    open_clips(source, how);
  } catch (const Error& e) { return e.what(); }
  return "";
}

TEST(Clips, MomentsAreEvenInTimeNotInNumber) {
  EXPECT_EQ(evenly_timed({0, 1, 2, 3, 4}, 3), (std::vector<size_t>{0, 2, 4}));
  // Three frames in the first tenth of the time.
  EXPECT_EQ(evenly_timed({0, 0.05, 0.1, 1}, 4), (std::vector<size_t>{0, 2, 3, 3}));
  EXPECT_EQ(evenly_timed({7}, 3), (std::vector<size_t>{0, 0, 0}));
  EXPECT_EQ(evenly_timed({0, 1, 2}, 1), (std::vector<size_t>{1}));
}

TEST(Clips, FramesOfAFolderAreInTheOrderOfTheirNumbers) {
  const TemporaryFolder folder;
  write_frames(folder / "walk", 12);
  const io::ByteVector pixels = read_clip(folder / "walk", {1, 12, 2, 2});
  for (int f = 0; f < 12; ++f) EXPECT_EQ(pixels[static_cast<size_t>(4 * f)], 10 * f) << f;
  EXPECT_TRUE(is_frame_folder(folder / "walk"));
  EXPECT_FALSE(is_frame_folder(folder.path()));
}

TEST(Clips, ClassFoldersHoldFoldersOfFrames) {
  const TemporaryFolder folder;
  for (const char* name : {"run/a", "run/b", "walk/c"}) write_frames(folder / name, 3);
  std::ofstream(folder / "run/notes.txt") << "no video";
  const ClipSet set = open_clips(folder.path(), {.shape = {0, 4, 8, 6}});
  EXPECT_EQ(set.classes, (std::vector<std::string>{"run", "walk"}));
  EXPECT_EQ(set.shape, (ClipShape{1, 4, 8, 6}));
  ASSERT_EQ(set.clips.size(), 3u);
  EXPECT_EQ(set.clips[2].label, 1);
  EXPECT_EQ(set.clips[0].pixels.size(), set.shape.size());
  EXPECT_NE(set.left_out.find("notes.txt"), std::string::npos) << set.left_out;
}

TEST(Clips, ATableNamesFilesLabelsAndGroups) {
  const TemporaryFolder folder;
  for (const char* name : {"a", "b", "c"}) write_frames(folder / name, 3);
  std::ofstream(folder / "clips.csv") << "file,label,person\na,hop,10\nb,run,9\nc,hop,9\n";
  const ClipSet set = open_clips(folder.path(), {.group = "person"});
  EXPECT_EQ(set.groups(), (std::vector<std::string>{"9", "10"}));
  EXPECT_EQ(set.clips[0].group, "10");
  EXPECT_EQ(open_clips(folder.path(), {}).grouped_by, "");
  EXPECT_THROW(open_clips(folder.path(), {.group = "place"}), InvalidOption);
}

std::string idx(const std::vector<uint32_t>& sizes, const std::string& values) {
  std::string text = {0, 0, 8, static_cast<char>(sizes.size())};
  for (const uint32_t size : sizes)
    for (int byte = 3; byte >= 0; --byte) text += static_cast<char>(size >> 8 * byte & 255);
  return text + values;
}
TEST(Clips, IdxFilesHoldClips) {
  const TemporaryFolder folder;
  std::string values;
  for (int i = 0; i < 2 * 3 * 4; ++i) values += static_cast<char>(i);
  std::ofstream(folder / "clips-idx4-ubyte") << idx({2, 3, 2, 2}, values);
  std::ofstream(folder / "labels-idx1-ubyte") << idx({2}, std::string("\1\0", 2));
  std::ofstream(folder / "classes.txt") << "hug\npush\n";
  std::ofstream(folder / "clips.tsv") << "index\tsequence\n0\t2\n1\t11\n";
  const ClipSet set = open_clips(folder.path(), {});
  EXPECT_EQ(set.shape, (ClipShape{1, 3, 2, 2}));
  EXPECT_EQ(set.grouped_by, "sequence");
  EXPECT_EQ(set.clips[0].label, 1);
  EXPECT_EQ(set.clips[1].pixels[0], 12);
  EXPECT_EQ(set.groups(), (std::vector<std::string>{"2", "11"}));
  std::ofstream(folder / "labels-idx1-ubyte") << idx({2}, std::string("\5\0", 2));
  EXPECT_NE(error_of(folder.path()).find("label 5 is out of range"), std::string::npos);
}

TEST(Clips, AVideoFileIsAClip) {
  const TemporaryFolder folder;
  const io::ByteVector text =
      io::read_file(std::string(CAIRN_SOURCE_DIR) + "/tests/io/data/videos.json");
  const auto rows = nlohmann::json::parse(io::text_of(text));
  const auto write = [&](const std::string& path, size_t bytes) {
    const std::string hex = rows[0]["file"];
    io::ByteVector file;
    for (size_t i = 0; i + 1 < std::min(hex.size(), 2 * bytes); i += 2)
      file.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    fs::create_directories(fs::path(path).parent_path());
    io::write_file_atomically(path, io::Bytes(file));
  };
  write(folder / "a/one.mp4", 1 << 20), write(folder / "b/two.mp4", 1 << 20);
  const ClipSet set = open_clips(folder.path(), {.shape = {0, 6, 0, 0}});
  EXPECT_EQ(set.shape, (ClipShape{3, 6, 24, 32}));
  EXPECT_NE(set.clips[0].pixels, io::ByteVector(set.shape.size()));
  write(folder / "b/cut.mp4", 1500);
  EXPECT_NE(error_of(folder.path()).find("cut.mp4"), std::string::npos);
  const ClipSet rest = open_clips(folder.path(), {.shape = {0, 6, 0, 0}, .skip_bad = true});
  EXPECT_EQ(rest.clips.size(), 2u);
  EXPECT_NE(rest.left_out.find("1 damaged"), std::string::npos) << rest.left_out;
}

TEST(Clips, WhatIsWrongIsNamed) {
  const TemporaryFolder folder;
  EXPECT_NE(error_of(folder / "nowhere").find("nowhere"), std::string::npos);
  EXPECT_NE(error_of(folder.path()).find("wanted is"), std::string::npos);
  fs::create_directory(folder / "bare");
  EXPECT_NE(error_of(folder.path()).find("bare"), std::string::npos);
  write_frames(folder / "bare/a", 3);
  EXPECT_NE(error_of(folder.path()).find("one class"), std::string::npos);
  write_frames(folder / "walk/b", 3);
  EXPECT_EQ(error_of(folder.path()), "");
  EXPECT_THROW(open_clips(folder.path(), {.group = "sequence"}), InvalidOption);
  // A class of which nothing is left cannot be learned.
  write_frames(folder / "walk/c", 3);
  for (const char* clip : {"b", "c"})
    for (int i = 0; i < 3; ++i)
      std::ofstream(fmt::format("{}/walk/{}/{}.pgm", folder.path(), clip, i)) << "P5\nnone";
  EXPECT_NE(error_of(folder.path(), {.skip_bad = true}).find("all 2 clips of 'walk' are damaged"),
            std::string::npos);
}

TEST(Clips, MovesAreDrawnTheSameAgainAndDifferInTimeAlone) {
  const Clip a = draw_move(5, 3), again = draw_move(5, 3), other = draw_move(6, 3);
  EXPECT_EQ(a.pixels, again.pixels);
  EXPECT_NE(a.pixels, other.pixels);
  EXPECT_EQ(a.pixels.size(), kMovesShape.size());
  std::vector<int> counts(move_names().size());
  for (int i = 0; i < 120; ++i) ++counts[static_cast<size_t>(draw_move(1, i).label)];
  for (const int count : counts) EXPECT_GT(count, 5);
  const TemporaryFolder folder;
  const auto files = write_moves(folder.path());
  ASSERT_EQ(files.size(), counts.size());
  for (const std::string& file : files) EXPECT_TRUE(is_frame_folder(file)) << file;
}

}  // namespace
}  // namespace cairn::data
