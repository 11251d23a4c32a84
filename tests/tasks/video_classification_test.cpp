// Video classification: what contract_test.cpp cannot know.
#include "cairn/tasks/video_classification/task.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "cairn/base/parallel.h"
#include "cairn/models/grad_cam.h"
#include "cairn/ops/functions.h"
#include "cairn/train/signals.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks::video_classification {
namespace {

namespace fs = std::filesystem;

// Twelve folders of frames by three people: what goes up, what goes down.
std::string write_data(const std::string& folder) {
  fs::create_directories(folder);
  std::ofstream table(folder + "/clips.csv");
  table << "file,label,person\n";
  for (int i = 0; i < 12; ++i) {
    const std::string name = fmt::format("{:02}", i);
    fs::create_directories(folder + "/" + name);
    for (int f = 0; f < 6; ++f) {
      std::string pixels(16 * 16, '\x20');
      const int row = i % 2 ? 2 + 2 * f : 12 - 2 * f;
      for (int x = 2; x < 14; ++x) pixels[static_cast<size_t>(row * 16 + x)] = '\xe0';
      std::ofstream(fmt::format("{}/{}/{}.pgm", folder, name, f)) << "P5\n16 16\n255\n" << pixels;
    }
    table << name << (i % 2 ? ",down," : ",up,") << i / 4 << "\n";
  }
  return folder;
}

Options options_for(const std::string& data, const std::string& out) {
  Options o;
  o.data = data, o.out = out, o.quiet = true;
  o.steps = 4, o.batch = 4, o.width = 2, o.window = 4, o.frames = 6;
  return o;
}

TEST(VideoClassification, GroupsStayTogether) {
  const TemporaryFolder folder;
  const data::ClipSet set = data::open_clips(write_data(folder / "d"), {.group = "person"});
  Options o;
  o.val_split = 0.3, o.fold_count = 2;
  const auto parts = parts_of(set, o);
  EXPECT_EQ(parts.first.size() + parts.second.size(), 12u);
  EXPECT_EQ(parts.second.size() % 4, 0u) << "whole people";
  EXPECT_GT(parts.second.size(), 0u);
  EXPECT_EQ(folds_of(set, o), (std::vector<int64_t>{0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0}));
  o.fold = 1;
  EXPECT_EQ(parts_of(set, o).second, (std::vector<int64_t>{4, 5, 6, 7}));
}

TEST(VideoClassification, EveryFoldIsMeasuredByANetworkThatNeverSawIt) {
  set_num_threads(1);
  const TemporaryFolder folder;
  const std::string data = write_data(folder / "d");
  Options o = options_for(data, folder / "run");
  o.folds = "person";
  const Json result = train(o);
  EXPECT_EQ(result["split"], "folds");
  EXPECT_EQ(result["examples"], 12);
  ASSERT_EQ(result["folds"].size(), 3u);
  for (const Json& fold : result["folds"]) EXPECT_EQ(fold["examples"], 4);
  EXPECT_TRUE(fs::exists(folder / "run/folds/2/model.safetensors"));
  // The mean over the folds is the accuracy.
  double right = 0;
  for (const Json& fold : result["folds"]) right += 4 * fold["accuracy"].get<double>();
  EXPECT_NEAR(result["accuracy"].get<double>(), right / 12, 1e-9);
}

// Stopped in a fold and resumed: the same weights, those of all videos too.
TEST(VideoClassification, FoldsResumeToTheSameBits) {
  set_num_threads(1);
  const TemporaryFolder folder;
  const std::string data = write_data(folder / "d");
  Options whole = options_for(data, folder / "whole");
  whole.folds = "person";
  train(whole);
  Options part = options_for(data, folder / "part");
  part.folds = "person", part.stop_after_steps = 2;
  EXPECT_THROW(train(part), train::Stopped);
  Options again;
  again.out = folder / "part", again.resume = true, again.quiet = true;
  train(again);
  for (const char* file :
       {"/model.safetensors", "/folds/0/model.safetensors", "/folds/2/model.safetensors"}) {
    const auto a = train::read_weights((folder / "whole") + file),
               b = train::read_weights((folder / "part") + file);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i)
      EXPECT_TRUE(a[i].second.to_vector<float>() == b[i].second.to_vector<float>())
          << file << " " << a[i].first;
  }
}

// A signal in the last step of a fold ends the others, too, and the message goes on with all.
TEST(VideoClassification, ASignalEndsAllFolds) {
  set_num_threads(1);
  const TemporaryFolder folder;
  Options o = options_for(write_data(folder / "d"), folder / "run");
  o.folds = "person", o.steps = 1;
  {
    const train::SignalScope signals;
    std::raise(SIGTERM);
    try {
      train(o);
      FAIL() << "nothing was thrown";
    } catch (const train::Stopped& e) {
      EXPECT_EQ(e.signal, SIGTERM);
      EXPECT_TRUE(std::string(e.what()).ends_with("--resume " + (folder / "run"))) << e.what();
    }
  }
  EXPECT_TRUE(fs::exists(folder / "run/folds/0"));
  EXPECT_FALSE(fs::exists(folder / "run/folds/1"));
  Options again;
  again.out = folder / "run", again.resume = true, again.quiet = true;
  EXPECT_EQ(train(again)["folds"].size(), 3u);
}

// What moves up and what moves down has the same frames: only their order tells.
TEST(VideoClassification, BothNetworksLearnFromTheOrderOfFrames) {
  set_num_threads(1);
  const TemporaryFolder folder;
  const std::string data = write_data(folder / "d");
  for (const char* model : {"r2plus1d", "cnn-lstm"}) {
    Options o = options_for(data, folder / model);
    o.model = model, o.steps = 60, o.width = 8, o.window = 6, o.ema = 0.5, o.dropout = 0;
    o.lr = 1e-2, o.cutout = 0, o.eval_every = 60;
    const Json result = train(o);
    EXPECT_EQ(result["accuracy"], 1) << model << " " << result.dump();
    Classifier c(train::open_saved_model(folder / model, kTask));
    const Tensor x = zeros({1, 1, 6, 16, 16});
    const Tensor map = models::grad_cam(c.network(), x + 0.5, 0);
    if (map.defined()) { EXPECT_EQ(map.rank(), 3) << model; }
  }
}

TEST(VideoClassification, BadVideosAreNamedBeforeTheTrainingBegins) {
  const TemporaryFolder folder;
  const std::string data = write_data(folder / "d");
  std::ofstream(data + "/03/2.pgm") << "P5\n16";
  Options o = options_for(data, folder / "run");
  try {
    train(o);
    FAIL();
  } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find("03/2.pgm"), std::string::npos); }
  EXPECT_FALSE(fs::exists(folder / "run"));
  o.skip_bad = true;
  EXPECT_NO_THROW(train(o));
}

}  // namespace
}  // namespace cairn::tasks::video_classification
