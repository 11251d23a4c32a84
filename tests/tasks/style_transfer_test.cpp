// Style transfer: what contract_test.cpp cannot know.
#include "cairn/tasks/style_transfer/task.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cairn/base/parallel.h"
#include "cairn/io/file.h"
#include "cairn/io/video.h"
#include "cairn/tasks/files.h"
#include "cairn/train/signals.h"
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
  struct Silent {
    Silent() { testing::internal::CaptureStdout(); }
    ~Silent() { testing::internal::GetCapturedStdout(); }
  } const silent;
  return verb.run(*model, *options);
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
  EXPECT_EQ(predict(folder / "run", folder / "clip.mp4", folder / "painted.mp4"), 0);
  io::VideoReader painted(folder / "painted.mp4"), given(folder / "clip.mp4");
  while (given.advance()) {
    ASSERT_TRUE(painted.advance());
    EXPECT_NEAR(painted.seconds(), given.seconds(), 1e-3);
  }
  EXPECT_FALSE(painted.advance());
}

TEST(StyleTransfer, WhatIsTooSmallIsNamed) {
  set_num_threads(1);
  const TemporaryFolder folder;
  train(small(folder / "run"));
  io::write_png(folder / "dot.png", io::Image(1, 1, 3));
  EXPECT_EQ(predict(folder / "run", folder / "dot.png", folder / "made.png"), 1);
  EXPECT_FALSE(fs::exists(folder / "made.png"));
  // A file where a folder is wanted.
  std::ofstream(folder / "file") << "x";
  for (const char* out : {"file", "file/below"}) try {
      predict(folder / "run", folder.path(), folder / out);
      ADD_FAILURE() << out;
    } catch (const InvalidOption& e) {
      EXPECT_EQ(e.option(), "out");
      EXPECT_NE(e.reason().find("a folder is wanted"), std::string::npos) << e.reason();
    }
}

Options small_cycle(const std::string& out, int64_t steps) {
  Options o;
  o.model = kCycle, o.out = out, o.quiet = true, o.steps = steps, o.width = 4, o.blocks = 1;
  o.image_size = 32, o.batch = 2, o.lr = 2e-3, o.ema = 0.9;
  return o;
}

TEST(CycleGan, LearnsTheWayThereAndBackWithoutPairs) {
  set_num_threads(1);
  const TemporaryFolder folder;
  const Json little = train(small_cycle(folder / "little", 2)),
             more = train(small_cycle(folder / "more", 50));
  EXPECT_EQ(more["split"], "validation");
  EXPECT_NE(task_named(kTask).summary(more).find("there and back"), std::string::npos);
  EXPECT_LT(more["cycle"].get<double>(), 0.9 * little["cycle"].get<double>());
  EXPECT_LT(more["frechet"].get<double>(), 0.8 * little["frechet"].get<double>());
  EXPECT_TRUE(fs::exists(folder / "more/samples/step-000050.png"));
  io::write_png(folder / "a.png", io::Image(40, 36, 3, 30));
  const auto model = open_model(folder / "more");
  const Verb& verb = *find_verb(task_named(kTask), "predict");
  for (const bool back : {false, true}) {
    const auto options = verb.options();
    options->find("files")->parse(folder / "a.png");
    options->find("out")->parse(folder / (back ? "back.png" : "there.png"));
    if (back) options->find("back")->parse("true");
    testing::internal::CaptureStdout();
    EXPECT_EQ(verb.run(*model, *options), 0);
    testing::internal::GetCapturedStdout();
  }
  EXPECT_NE(io::read_image(folder / "there.png").pixels,
            io::read_image(folder / "back.png").pixels);
  EXPECT_GT(fs::file_size(write_report(folder / "more")), 10000u);
}

TEST(CycleGan, StoppedAndResumedItEndsWithTheSameBits) {
  set_num_threads(1);
  const TemporaryFolder folder;
  train(small_cycle(folder / "whole", 6));
  Options part = small_cycle(folder / "part", 6);
  part.stop_after_steps = 3;
  EXPECT_THROW(train(part), train::Stopped);
  Options rest;
  rest.out = folder / "part", rest.resume = true, rest.quiet = true;
  train(rest);
  EXPECT_EQ(io::read_file(folder / "whole/model.safetensors").size(),
            io::read_file(folder / "part/model.safetensors").size());
  const auto a = train::read_weights(folder / "whole/model.safetensors"),
             b = train::read_weights(folder / "part/model.safetensors");
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_EQ(a[i].second.to_vector<float>(), b[i].second.to_vector<float>()) << a[i].first;
}

TEST(CycleGan, FoldersAndOptionsThatDoNotFitAreNamed) {
  const TemporaryFolder folder;
  Options o = small_cycle(folder / "run", 2);
  o.target = folder / "none";
  EXPECT_ERROR(train(o), "none'; say where those of the other kind are with the option target");
  Options one = small_cycle(folder / "run", 2);
  fs::create_directories(folder / "one");
  io::write_png(folder / "one/a.png", io::Image(64, 64, 3, 9));
  one.target = folder / "one";
  EXPECT_ERROR(train(one), "/one' has no images for the test split");
  EXPECT_FALSE(fs::exists(folder / "run"));
  train(small(folder / "styler"));
  const auto model = open_model(folder / "styler");
  const auto options = find_verb(task_named(kTask), "predict")->options();
  options->find("files")->parse(folder / "one/a.png");
  options->find("out")->parse(folder / "b.png"), options->find("back")->parse("true");
  EXPECT_THROW(find_verb(task_named(kTask), "predict")->run(*model, *options), InvalidOption);
  // Nothing takes the place of what it was made from, and no folder the name of a picture.
  const io::ByteVector given = io::read_file(folder / "one/a.png");
  EXPECT_EQ(predict(folder / "styler", folder / "one/a.png", folder / "one/a.png"), 1);
  EXPECT_EQ(io::read_file(folder / "one/a.png"), given);
  EXPECT_THROW(predict(folder / "styler", folder / "one/a.png", folder / "made.jpg"),
               InvalidOption);
}

}  // namespace
}  // namespace cairn::tasks::style_transfer
