// Image generation on pictures of bars: each model learns, measures, draws, resumes; and what
// cannot be trained.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "cairn/base/parallel.h"
#include "cairn/io/image.h"
#include "cairn/tasks/image_generation/task.h"
#include "cairn/train/signals.h"
#include "tests/cli/program.h"

namespace cairn::tasks::image_generation {
namespace {

namespace fs = std::filesystem;

class ImageGeneration : public testing::Test {
 protected:
  void SetUp() override {
    set_num_threads(1);  // beside other tests
    fs::create_directory(data());
    cli_test::write_bars(data(), "train", 160);
    cli_test::write_bars(data(), "t10k", 32);
  }
  std::string data() const { return folder_ / "data"; }
  std::string at(const std::string& name) const { return folder_ / name; }
  Options small(const std::string& model, const std::string& run) const {
    Options o;
    o.data = data(), o.out = at(run), o.quiet = true, o.model = model;
    o.steps = 12, o.batch = 16, o.width = model == "vae" ? 32 : 8, o.blocks = 2, o.z = 4;
    o.ema = 0, o.draw_steps = 4;
    return o;
  }
  std::string refused(const Options& o) const {
    const std::string text = error_of([&] { train(o); });
    EXPECT_FALSE(fs::exists(*o.out)) << "wrote something before it refused: " << text;
    return text;
  }
  TemporaryFolder folder_;
};

void expect_says(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), text.npos) << text;
}

TEST_F(ImageGeneration, EveryModelLearnsWhatBarsLookLike) {
  for (const std::string& model : models::density_names()) {
    SCOPED_TRACE(model);
    Options o = small(model, model);
    o.steps = model == "vae" ? 300 : 60, o.lr = 4e-3;
    const Json result = train(o);
    EXPECT_EQ(result["split"], "validation");
    Artist artist(o.out);
    const auto test = artist.open("", data::Split::test);
    const Json learned = artist.estimator().measure(test, 1, 20);
    const auto untrained = models::make_density(model, artist.options().size());
    untrained->eval();
    const Json before = Estimator(untrained).measure(test, 1, 20);
    EXPECT_LT(learned["nats"].get<double>(), before["nats"].get<double>() * 0.9);
    EXPECT_NEAR(learned["bits_per_dim"].get<double>(),
                learned["nats"].get<double>() / 784 / std::log(2), 1e-9);
    EXPECT_EQ(learned["examples"], 32);
    EXPECT_EQ(artist.estimator().measure(test, 1, 20).dump(), learned.dump());
  }
}

TEST_F(ImageGeneration, AStoppedRunGoesOnToTheSameBits) {
  for (const std::string& model : models::density_names()) {
    SCOPED_TRACE(model);
    Options o = small(model, model + "-whole");
    o.conditional = true, o.eval_every = 4, o.ema = 0.9;
    train(o);
    o.out = at(model + "-part"), o.stop_after_steps = 6;
    EXPECT_THROW(train(o), train::Stopped);
    Options again;
    again.out = o.out, again.resume = true, again.quiet = true;
    EXPECT_EQ(train(again)["steps"], 12);
    for (const char* file :
         {"model.safetensors", "samples/step-000004.png", "samples/step-000012.png"})
      EXPECT_TRUE(cli_test::content_of(at(model + "-whole/") + file) ==
                  cli_test::content_of(at(model + "-part/") + file))
          << file;
  }
}

TEST_F(ImageGeneration, PicturesOfAPixelCnnAreComparedWithPicturesOfInk) {
  train(small("pixelcnn", "run"));
  const Artist artist(train::open_saved_model(at("run"), kTask));
  const auto set = artist.open("", data::Split::test), inked = artist.as_learned(set);
  ASSERT_EQ(inked->size(), set->size());
  double sum = 0, grey = 0;
  std::vector<uint8_t> one(784), plain(784);
  for (int64_t i = 0; i < set->size(); ++i) {
    inked->image(i, one.data()), set->image(i, plain.data());
    EXPECT_EQ(inked->label(i), set->label(i));
    for (size_t k = 0; k < 784; ++k) {
      EXPECT_TRUE(one[k] == 0 || one[k] == 255);
      sum += one[k], grey += plain[k];
    }
  }
  EXPECT_NEAR(sum / grey, 1, 0.03);  // as bright
}

TEST_F(ImageGeneration, LabelsAreAskedForByName) {
  Options o = small("vae", "run");
  o.conditional = true;
  train(o);
  Artist artist(o.out);
  DrawOptions draw;
  draw.count = 20, draw.out = at("all.png");
  EXPECT_EQ(draw_grid(artist, draw), 0);
  EXPECT_EQ(io::read_image(at("all.png")).width, 10 * 30 + 2);  // a column a class
  draw.label = "12";
  expect_says(error_of([&] { draw_grid(artist, draw); }), "'12'");
  Options plain = small("vae", "plain");
  train(plain);
  Artist without(plain.out);
  draw.label = "3";
  expect_says(error_of([&] { draw_grid(without, draw); }), "conditional");
  // What only a diffusion takes is no option of another.
  const Verb& generate = *find_verb(task_named(kTask), "generate");
  for (const char* name : {"guidance", "draw_steps"}) {
    const auto options = generate.options();
    options->find("out")->parse(at("never.png")), options->find(name)->parse("3");
    const std::string error = error_of([&] { generate.run(without, *options); });
    expect_says(error, name), expect_says(error, "of runs of diffusion");
  }
  EXPECT_FALSE(fs::exists(at("never.png")));
}

TEST_F(ImageGeneration, WhatCannotBeTrained) {
  Options o = small("vae", "never");
  o.model = "vea";
  expect_says(refused(o), "there are vae, pixelcnn and diffusion");
  o = small("vae", "never"), o.val_split = 0;
  expect_says(refused(o), "val_split");
  o = small("vae", "never"), o.importance = 0;
  expect_says(refused(o), "importance");
  const std::string photos = at("photos/only");
  fs::create_directories(photos);
  for (int i = 0; i < 40; ++i)
    io::write_png(fmt::format("{}/{}.png", photos, i), io::Image(16, 16, 3, uint8_t(i * 6)));
  o = small("pixelcnn", "never"), o.data = at("photos");
  expect_says(refused(o), "grey pictures");
  o = small("diffusion", "never"), o.data = at("photos"), o.conditional = true;
  expect_says(refused(o), "conditional");
  // Pictures without classes in colour are learned all the same.
  o = small("diffusion", "colour"), o.data = at("photos"), o.steps = 2;
  EXPECT_EQ(train(o)["steps"], 2);
  // There is nothing to learn features from, but they are measured.
  const Verb& eval = *find_verb(task_named(kTask), "eval");
  const auto options = eval.options();
  options->find("json")->parse("true");
  testing::internal::CaptureStdout();
  EXPECT_EQ(eval.run(*open_model(o.out), *options), 0);
  std::fflush(stdout);
  const Json measured = Json::parse(testing::internal::GetCapturedStdout());
  EXPECT_GT(measured["nats"].get<double>(), 0);
  EXPECT_FALSE(measured.contains("frechet"));
}

}  // namespace
}  // namespace cairn::tasks::image_generation
