// Style transfer: what contract_test.cpp cannot know.
#include "cairn/tasks/style_transfer/task.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cairn/base/parallel.h"
#include "cairn/tasks/files.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks::style_transfer {
namespace {

namespace fs = std::filesystem;

Options small(const std::string& out) {
  Options o;
  o.out = out, o.quiet = true, o.steps = 4, o.batch = 2, o.width = 2, o.blocks = 1;
  o.image_size = 32, o.style_size = 64;
  return o;
}
int predict(const std::string& run, const std::string& file, const std::string& out) {
  const auto model = open_model(run);
  const Verb& verb = *find_verb(task_named(kTask), "predict");
  const auto options = verb.options();
  options->find("files")->parse(file), options->find("out")->parse(out);
  testing::internal::CaptureStdout();
  const int status = verb.run(*model, *options);
  testing::internal::GetCapturedStdout();
  return status;
}

TEST(StyleTransfer, AStyleOfOnePixelIsRefusedBeforeTheTrainingBegins) {
  const TemporaryFolder folder;
  io::write_png(folder / "dot.png", io::Image(1, 1, 3));
  Options o = small(folder / "run");
  o.style = folder / "dot.png";
  try {
    train(o);
    FAIL();
  } catch (const InvalidOption& e) {
    EXPECT_EQ(e.option(), "style");
    EXPECT_NE(std::string(e.what()).find("1 x 1"), std::string::npos) << e.what();
  }
  EXPECT_FALSE(fs::exists(folder / "run"));
}

TEST(StyleTransfer, PaintsPicturesAndVideos) {
  set_num_threads(1);
  const TemporaryFolder folder;
  train(small(folder / "run"));
  io::Image picture(50, 41, 3);
  for (size_t i = 0; i < picture.pixels.size(); ++i)
    picture.pixels[i] = static_cast<uint8_t>(i * 7 % 251);
  io::write_png(folder / "a.png", picture);
  EXPECT_EQ(predict(folder / "run", folder / "a.png", folder / "b.png"), 0);
  const io::Image made = io::read_image(folder / "b.png");
  EXPECT_EQ(made.width, 50);
  EXPECT_EQ(made.height, 41);

  const io::ByteVector text =
      io::read_file(std::string(CAIRN_SOURCE_DIR) + "/tests/io/data/videos.json");
  const std::string hex = nlohmann::json::parse(io::text_of(text))[0]["file"];
  io::ByteVector file;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    file.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  io::write_file_atomically(folder / "clip.mp4", io::Bytes(file));
  EXPECT_EQ(predict(folder / "run", folder / "clip.mp4", folder / "frames"), 0);
  EXPECT_EQ(io::read_image(folder / "frames/clip/00005.png").width, 32);
  EXPECT_FALSE(fs::exists(folder / "frames/clip/00006.png"));
}

TEST(StyleTransfer, WhatIsTooSmallIsNamed) {
  set_num_threads(1);
  const TemporaryFolder folder;
  train(small(folder / "run"));
  io::write_png(folder / "dot.png", io::Image(1, 1, 3));
  EXPECT_EQ(predict(folder / "run", folder / "dot.png", folder / "made.png"), 1);
  EXPECT_FALSE(fs::exists(folder / "made.png"));
}

}  // namespace
}  // namespace cairn::tasks::style_transfer
