// Videos of many kinds against what another build of FFmpeg's libraries makes of them
// (tools/dump_videos.py), and what is wrong with files that are none, or cut.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cairn/io/video.h"
#include "cairn/io/video_writer.h"
#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

struct Row {
  std::string name;
  ByteVector file;
  std::vector<double> seconds;
  Image last;
};

ByteVector from_hex(const std::string& hex) {
  ByteVector bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = [] {
    const ByteVector text = read_file(std::string(CAIRN_SOURCE_DIR) + "/tests/io/data/videos.json");
    std::vector<Row> rows;
    for (const auto& r : nlohmann::json::parse(text_of(text))) {
      Row row{r["name"], from_hex(r["file"]), r["seconds"], Image(r["width"], r["height"], 3)};
      row.last.pixels = from_hex(r["last"]);
      rows.push_back(std::move(row));
    }
    return rows;
  }();
  return all;
}
const Row& row_named(const std::string& name) {
  for (const Row& row : rows())
    if (row.name == name) return row;
  throw Error("no such row: " + name);
}

// All times, and the last picture.
struct Seen {
  std::vector<double> seconds;
  Image last;
};
Seen read_all(Bytes file, const std::string& name, VideoLimits limits = {}) {
  Seen seen;
  VideoReader video(file, name, limits);
  while (video.advance()) {
    seen.seconds.push_back(video.seconds());
    seen.last = video.image();
  }
  return seen;
}
std::string error_of(Bytes file, VideoLimits limits = {}) {
  try {
    read_all(file, "clip.x", limits);
  } catch (const Error& e) { return e.what(); }
  return "";
}

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int(a.pixels[i]) - int(b.pixels[i]));
  return sum / static_cast<double>(a.pixels.size());
}

TEST(Video, EveryKindIsAsOthersDecodeIt) {
  ASSERT_GE(rows().size(), 16u);
  for (const Row& row : rows()) {
    const Seen seen = read_all(row.file, row.name);
    ASSERT_EQ(seen.seconds.size(), row.seconds.size()) << row.name;
    for (size_t i = 0; i < row.seconds.size(); ++i)
      EXPECT_NEAR(seen.seconds[i], row.seconds[i], 1e-3) << row.name << " frame " << i;
    ASSERT_EQ(seen.last.width, row.last.width) << row.name;
    ASSERT_EQ(seen.last.height, row.last.height) << row.name;
    // FFmpeg 5 and 8 spread the colours of 10-bit pixels otherwise.
    const double most = row.name.ends_with("10 bits") ? 2 : 1;
    EXPECT_LE(mean_difference(seen.last, row.last), most) << row.name;
  }
}

// A turn or a wrong matrix would be seen: rows differ from each other by more than the tolerance.
TEST(Video, TurnsMatricesAndRangesMatter) {
  const Image upright = row_named("mp4, H.264").last;
  const Image turned = row_named("mp4, turned by 180").last;
  EXPECT_GT(mean_difference(upright, turned), 10);
  const Row& wide = row_named("mp4, turned by 90");
  EXPECT_EQ(wide.last.width, upright.height);
}

TEST(Video, IsReadFromAFileToo) {
  const TemporaryFolder folder;
  const Row& row = row_named("mkv, uneven times");
  const std::string path = folder / "clip.mkv";
  write_file_atomically(path, Bytes(row.file));
  VideoReader video(path);
  size_t frames = 0;
  while (video.advance()) EXPECT_NEAR(video.seconds(), row.seconds[frames++], 1e-3);
  EXPECT_EQ(frames, row.seconds.size());
  EXPECT_FALSE(video.advance());
}

TEST(Video, WhatIsNoneIsSaid) {
  const ByteVector text(2000, 'x');
  EXPECT_NE(error_of(text).find("no video that can be read"), std::string::npos);
  EXPECT_NE(error_of({}).find("clip.x"), std::string::npos);
  const TemporaryFolder folder;
  EXPECT_THROW(VideoReader(folder / "nowhere.mp4"), Error);
  std::ofstream(folder / "empty.mp4").flush();
  try {
    VideoReader video(folder / "empty.mp4");
    FAIL();
  } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find("is empty"), std::string::npos); }
}

// Cut at any place: an error that names the file, never fewer frames in silence.
TEST(Video, WhatIsCutOffIsSaid) {
  for (const Row& row : rows()) {
    int silent = 0, tried = 0;
    for (size_t part = 1; part < 8; ++part) {
      const size_t bytes = row.file.size() * part / 8;
      ++tried;
      try {
        const Seen seen = read_all(Bytes(row.file).subspan(0, bytes), row.name);
        silent += seen.seconds.size() < row.seconds.size();
      } catch (const Error& e) {
        EXPECT_NE(std::string(e.what()).find(row.name), std::string::npos) << e.what();
      }
    }
    EXPECT_EQ(tried, 7);
    // A transport stream has no length: one that ends between packets is whole.
    if (!row.name.starts_with("ts")) { EXPECT_EQ(silent, 0) << row.name; }
  }
}

TEST(Video, HalfOfAFileOfBoxesIsNotCalledOneWithoutVideo) {
  int files = 0;
  for (const Row& row : rows()) {
    if (std::string(row.file.begin() + 4, row.file.begin() + 8) != "ftyp") continue;
    ++files;
    for (const size_t bytes : {row.file.size() / 2, row.file.size() - 1}) {
      const std::string said = error_of(Bytes(row.file).subspan(0, bytes));
      EXPECT_NE(said.find("is cut off: it says that it has"), std::string::npos) << said;
    }
  }
  EXPECT_GT(files, 1);
  // What stands behind the last box is no part of it.
  ByteVector more = row_named("mp4, H.264").file;
  more.insert(more.end(), 40, 0);
  EXPECT_EQ(read_all(more, "more").seconds.size(), row_named("mp4, H.264").seconds.size());
}

TEST(Video, ACodecThatIsNotThereIsNamed) {
  ByteVector file = row_named("avi, MPEG-4").file;
  const std::string_view text = text_of(file);
  for (const char* tag : {"FMP4", "fmp4"})
    for (size_t at = text.find(tag); at != text.npos; at = text.find(tag, at + 1))
      std::copy_n("QQQQ", 4, file.begin() + static_cast<int64_t>(at));
  const std::string said = error_of(file);
  EXPECT_NE(said.find("codec"), std::string::npos) << said;
}

TEST(Video, LargeFramesAreRefused) {
  const ByteVector& file = row_named("mp4, H.264").file;
  EXPECT_NE(error_of(file, {.pixels = 100}).find("clip.x"), std::string::npos);
  EXPECT_NE(error_of(file, {.frames = 3}).find("more than 3 frames"), std::string::npos);
  EXPECT_EQ(error_of(file), "");
}

// A play list names other files; none of them is opened.
TEST(Video, NamesOfOtherFilesAreNotFollowed) {
  const TemporaryFolder folder;
  const std::string clip = folder / "clip.ts";
  write_file_atomically(clip, Bytes(row_named("ts, MPEG-2").file));
  const std::string list = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + clip +
                           "\n#EXT-X-ENDLIST\n",
                    concat = "ffconcat version 1.0\nfile " + clip + "\n";
  for (const std::string& text : {list, concat}) EXPECT_NE(error_of(bytes_of(text)), "") << text;
}

TEST(Video, NamesOfVideosAreKnown) {
  for (const char* name : {"a.mp4", "b/c.MKV", "d.webm", "e.AVI"})
    EXPECT_TRUE(is_video_name(name)) << name;
  for (const char* name : {"mp4", "a.png", "a.mp4.txt", ""}) EXPECT_FALSE(is_video_name(name));
}

Image waves(int width, int height, int at) {
  Image image(width, height, 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      image.at(x, y)[0] = static_cast<uint8_t>(128 + 100 * std::sin((x + 3 * at) * 0.2));
      image.at(x, y)[1] = static_cast<uint8_t>(128 + 100 * std::sin((y - 2 * at) * 0.15));
      image.at(x, y)[2] = static_cast<uint8_t>(20 * at);
    }
  return image;
}

TEST(VideoWriter, WhatIsWrittenIsReadBack) {
  const TemporaryFolder folder;
  const std::vector<double> times = {5, 5.04, 5.1, 5.5, 7.25};  // the first is the beginning
  for (const char* name : {"a.mp4", "b.mkv", "c.mov", "d.m4v"}) {
    VideoWriter video(folder / name);
    for (size_t i = 0; i < times.size(); ++i)
      video.add(waves(51, 38, static_cast<int>(i)), times[i]);
    EXPECT_FALSE(std::filesystem::exists(folder / name));  // not before it is whole
    video.finish();
    VideoReader reader(folder / name);
    for (size_t i = 0; i < times.size(); ++i) {
      ASSERT_TRUE(reader.advance()) << name;
      EXPECT_NEAR(reader.seconds(), times[i] - 5, 1e-3) << name;
      EXPECT_LT(mean_difference(reader.image(), waves(51, 38, static_cast<int>(i))), 6) << name;
    }
    EXPECT_FALSE(reader.advance());
  }
}

TEST(VideoWriter, WhatCannotBeWrittenIsNamed) {
  const TemporaryFolder folder;
  EXPECT_ERROR(VideoWriter(folder / "a.gif"), ".mp4");
  EXPECT_ERROR(VideoWriter(folder / "none/a.mp4"), "no folder");
  VideoWriter video(folder / "a.mp4");
  EXPECT_ERROR(video.finish(), "without a picture");
  video.add(waves(32, 32, 0), 0);
  EXPECT_ERROR(video.add(waves(30, 32, 0), 1), "30 x 32");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace cairn::io
