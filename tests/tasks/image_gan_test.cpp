// The task as a whole, on pictures of bars: resuming, drawing, measuring, and every sign of trouble
// provoked in a real training.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/io/image.h"
#include "cairn/io/npy.h"
#include "cairn/io/safetensors.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/tasks/image_gan/task.h"
#include "cairn/train/checkpoint.h"
#include "cairn/train/signals.h"
#include "tests/cli/program.h"

namespace cairn::tasks::image_gan {
namespace {

namespace fs = std::filesystem;

class ImageGan : public testing::Test {
 protected:
  void SetUp() override {
    set_num_threads(1);  // beside other tests
    fs::create_directory(data());
    cli_test::write_bars(data(), "train", 96);
    cli_test::write_bars(data(), "t10k", 32);
  }
  std::string data() const { return folder_ / "data"; }
  std::string at(const std::string& name) const { return folder_ / name; }

  Options small(const std::string& run) const {
    Options o;
    o.data = data(), o.out = at(run), o.quiet = true;
    o.steps = 8, o.batch = 16, o.width = 4, o.z = 4;
    return o;
  }
  // Draws with a run (or weights) into a file.
  void draw(const std::string& run, int64_t count, uint64_t seed, const std::string& png,
            const std::string& label = "") const {
    Sampler sampler(run);
    DrawOptions g;
    g.count = count, g.seed = seed, g.out = png;
    if (!label.empty()) g.label = label;
    draw_grid(sampler, g);
  }
  Json measured(const std::string& run, const std::string& features = "",
                const std::string& samples = "", int64_t count = 10000) const {
    Sampler sampler(run);
    DrawnEvalOptions e;
    e.count = count, e.quiet = true;
    if (!features.empty()) e.features = features;
    if (!samples.empty()) e.samples = samples;
    return evaluate(sampler, e);
  }
  // The names of the signals of a training.
  std::vector<std::string> signals_of(const Options& options) {
    std::vector<std::string> names;
    const Json result = train(options);
    for (const Json& s : result["signals"]) names.push_back(s["signal"]);
    return names;
  }

  TemporaryFolder folder_;
};

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void expect_same_file(const std::string& a, const std::string& b) {
  EXPECT_TRUE(cli_test::content_of(a) == cli_test::content_of(b)) << a << " and " << b;
}

}  // namespace

TEST_F(ImageGan, AStoppedRunGoesOnToTheSameBits) {
  for (const char* model : {"dcgan", "wgan-gp"}) {
    SCOPED_TRACE(model);
    const std::string whole = std::string(model) + "-whole", part = std::string(model) + "-part";
    Options o = small(whole);
    o.model = model, o.conditional = true, o.critic_steps = 2, o.sample_every = 4;
    train(o);
    o.out = at(part), o.stop_after_steps = 3;
    EXPECT_THROW(train(o), train::Stopped);
    Options again;
    again.out = at(part), again.resume = true, again.quiet = true;
    const Json result = train(again);
    EXPECT_EQ(result["steps"], 8);
    expect_same_file(at(whole) + "/model.safetensors", at(part) + "/model.safetensors");
    for (const char* step : {"000000", "000004", "000008"})
      expect_same_file(fmt::format("{}/samples/step-{}.png", at(whole), step),
                       fmt::format("{}/samples/step-{}.png", at(part), step));
  }
}

TEST_F(ImageGan, DrawsTheSamePicturesFromASeed) {
  Options o = small("run");
  o.conditional = true;
  train(o);
  draw(o.out, 20, 3, at("a.png"));
  draw(o.out, 20, 3, at("b.png"));
  draw(o.out, 20, 4, at("c.png"));
  draw(*o.out + "/model.safetensors", 10, 3, at("d.png"));
  draw(o.out, 20, 3, at("e.png"), "7");
  expect_same_file(at("a.png"), at("b.png"));
  const io::Image a = io::read_image(at("a.png")), d = io::read_image(at("d.png"));
  EXPECT_EQ(a.width, 10 * 30 + 2);  // a column a class
  EXPECT_EQ(a.height, 2 * 30 + 2);
  // Fewer pictures of the same seed are the first of more.
  EXPECT_TRUE(std::equal(d.pixels.begin(), d.pixels.end(), a.pixels.begin()));
  EXPECT_NE(cli_test::content_of(at("a.png")), cli_test::content_of(at("c.png")));
  EXPECT_NE(cli_test::content_of(at("a.png")), cli_test::content_of(at("e.png")));
}

TEST_F(ImageGan, IsMeasuredByTheFeaturesOfAClassifier) {
  Options o = small("run");
  o.conditional = true;
  train(o);
  const Json own = measured(o.out, "", "", 60);
  EXPECT_EQ(own["task"], kTask);
  EXPECT_EQ(own["examples"], 60);
  EXPECT_EQ(own["real_examples"], 32);
  EXPECT_GT(own["frechet"].get<double>(), 0);
  EXPECT_LT(own["precision"].get<double>(), 1.01);
  EXPECT_LE(own["label_accuracy"].get<double>(), 1);
  EXPECT_TRUE(fs::exists(*o.out + "/features/model.safetensors"));  // trained once, kept
  EXPECT_EQ(measured(o.out, "", "", 60).dump(), own.dump());

  // The real pictures as samples are nearer than what eight steps have learned.
  const std::string images = cli_test::content_of(data() + "/train-images-idx3-ubyte");
  const io::ByteVector pixels(images.begin() + 16, images.end());
  io::write_npy(at("real.npy"), DType::u8, {96, 28, 28}, pixels);
  const Json real = measured(o.out, *o.out + "/features", at("real.npy"));
  EXPECT_LT(real["frechet"].get<double>(), own["frechet"].get<double>() / 4);
  EXPECT_GT(real["recall"].get<double>(), 0.5);

  io::write_npy(at("wrong.npy"), DType::u8, {147, 16, 32}, pixels);
  EXPECT_NE(error_of([&] { measured(o.out, "", at("wrong.npy")); }).find("1x28x28"),
            std::string::npos);
}

// ---- trouble

TEST_F(ImageGan, NumbersThatAreNotFiniteStopTheRunAndTheLastGoodCheckpointStays) {
  Options o = small("run");
  o.steps = 40, o.save_every = 1, o.loss = "wasserstein", o.norm = "none", o.stop_after_steps = 3;
  EXPECT_THROW(train(o), train::Stopped);
  // Finite weights whose products are not: the next step overflows.
  const std::string path = *o.out + "/checkpoint.safetensors";
  train::Loaded saved = train::load_tensors(path);
  for (auto& [name, t] : saved.tensors)
    if (name.starts_with("discriminator.") && t.rank() == 4) t = t * 1e25;
  train::save_tensors(path, saved.tensors, saved.metadata);
  o.resume = true, o.stop_after_steps = 0;
  const std::string message = error_of([&] { train(o); });
  for (const char* part : {"step 4", "discriminator_step", "The last good checkpoint is"})
    EXPECT_NE(message.find(part), message.npos) << message;
  const io::SafetensorsFile good(*o.out + "/checkpoint.safetensors");
  int64_t looked_at = 0;
  for (const io::NamedTensor& t : good.tensors()) {
    if (t.dtype != DType::f32) continue;
    const float* values = reinterpret_cast<const float*>(t.data.data());
    for (int64_t i = 0; i < numel(t.shape); ++i, ++looked_at)
      ASSERT_TRUE(std::isfinite(values[i])) << t.name;
  }
  EXPECT_GT(looked_at, 1000);
  EXPECT_NO_THROW(draw(o.out, 1, 0, at("x.png")));
}

TEST_F(ImageGan, ADiscriminatorThatWinsIsSeen) {
  Options o = small("run");
  o.steps = 600, o.lr = 1e-7, o.lr_discriminator = 1e-3;
  EXPECT_TRUE(has(signals_of(o), "discriminator-wins"));
}

TEST_F(ImageGan, AGradientThatVanishesIsSeen) {
  Options o = small("run");
  o.steps = 700, o.loss = "minimax", o.lr = 1e-7, o.lr_discriminator = 1e-2;
  EXPECT_TRUE(has(signals_of(o), "vanishing-gradients"));
}

TEST_F(ImageGan, AGradientThatExplodesIsSeen) {
  Options o = small("run");
  o.steps = 400, o.loss = "wasserstein", o.norm = "none", o.lr = 2e-2;  // nothing bounds the critic
  EXPECT_TRUE(has(signals_of(o), "exploding-gradients"));
}

TEST_F(ImageGan, ACollapseIsSeen) {
  Options o = small("run");
  o.steps = 450, o.conditional = true, o.r1 = 0, o.lr = 3e-3;
  EXPECT_TRUE(has(signals_of(o), "collapse"));
}

// ---- bad input

TEST_F(ImageGan, WhatCannotBeTrained) {
  const auto message = [&](auto change) {
    Options o = small("never");
    change(o);
    const std::string text = error_of([&] { train(o); });
    EXPECT_FALSE(fs::exists(*o.out)) << "wrote something before it refused: " << text;
    return text;
  };
  const auto says = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), text.npos) << text;
  };
  says(message([](auto& o) { o.model = "dcgann"; }), "did you mean dcgan?");
  says(message([](auto& o) { o.norm = "spectrall"; }), "did you mean spectral?");
  says(message([](auto& o) { o.loss = "hing"; }), "did you mean hinge?");
  says(message([](auto& o) { o.batch = 1; }), "batch normalisation needs at least two examples");
  says(message([](auto& o) { o.batch = 97; }), "96 examples are fewer than one batch of 97");
  says(message([](auto& o) { o.epochs = 1; }), "steps: and epochs");
  says(message([](auto& o) { o.model = "wgan-gp", o.loss = "hinge"; }), "wasserstein");
  says(message([](auto& o) { o.model = "wgan-gp", o.norm = "batch"; }), "none or spectral");
}

TEST_F(ImageGan, PicturesThatAreTooSmallOrHaveNoLabels) {
  for (const int side : {8, 28}) {
    const std::string root = at(fmt::format("pictures{}", side));
    for (const char* split : {"train", "test"}) {
      fs::create_directories(fmt::format("{}/{}/only", root, split));
      for (int i = 0; i < 20; ++i) {
        io::Image image(side, side, 3, static_cast<uint8_t>(i * 10));
        io::write_png(fmt::format("{}/{}/only/{}.png", root, split, i), image);
      }
    }
    Options o = small("never");
    o.data = root, o.conditional = side == 28;
    const std::string text = error_of([&] { train(o); });
    EXPECT_NE(text.find(side == 8 ? "smaller than the network" : "conditional: "), text.npos)
        << text;
  }
}

TEST_F(ImageGan, RunsOfOtherTasksAndLabelsThatAreNotThere) {
  image_classification::Options c;
  c.data = data(), c.epochs = 1, c.batch = 16, c.out = at("classifier"), c.quiet = true;
  image_classification::train(c);
  const auto says = [](const std::string& text, std::initializer_list<std::string> parts) {
    for (const std::string& part : parts) EXPECT_NE(text.find(part), text.npos) << text;
  };
  says(error_of([&] { draw(at("classifier"), 64, 0, at("x.png")); }),
       {"classifier", "image-classification"});
  Options o = small("run");
  train(o);
  says(error_of([&] { measured(o.out, o.out); }), {"image-gan"});
  says(error_of([&] { draw(o.out, 64, 0, at("x.png"), "3"); }), {"label: ", "conditional"});
  says(error_of([&] { draw(o.out, 0, 0, at("x.png")); }), {"count: "});

  // The checkpoint of another run: wider networks.
  Options wide = small("wide");
  wide.width = 8;
  train(wide);
  fs::copy_file(*wide.out + "/checkpoint.safetensors", *o.out + "/checkpoint.safetensors",
                fs::copy_options::overwrite_existing);
  Options again;
  again.out = o.out, again.resume = true, again.quiet = true;
  says(error_of([&] { train(again); }), {*o.out + "/checkpoint.safetensors", "instead of"});
  fs::copy_file(at("classifier") + "/checkpoint.safetensors", *o.out + "/checkpoint.safetensors",
                fs::copy_options::overwrite_existing);
  says(error_of([&] { train(again); }), {*o.out + "/checkpoint.safetensors", "missing"});

  Options labels = small("labels");
  labels.conditional = true;
  train(labels);
  says(error_of([&] { draw(labels.out, 64, 0, at("x.png"), "12"); }),
       {"label: ", "'12'", "there are 0, 1"});
}

// Class folders of pictures that were made smaller, with a damaged one; few to measure by; and one
// class alone.
TEST_F(ImageGan, ClassFoldersAreMeasuredAsTheyWereLearned) {
  const auto picture = [&](const std::string& path, int shade) {
    fs::create_directories(fs::path(at(path)).parent_path());
    io::write_png(at(path), io::Image(24, 20, 3, static_cast<uint8_t>(shade)));
  };
  for (const char* name : {"dark", "light"})
    for (int i = 0; i < 12; ++i)
      picture(fmt::format("two/train/{}/{}.png", name, i), i + (name[0] == 'd' ? 20 : 200));
  cli_test::write(at("two/train/dark/bad.png"), "");
  for (int i = 0; i < 2; ++i) picture(fmt::format("two/test/dark/{}.png", i), 30);
  picture("two/test/light/0.png", 190);
  Options o = small("run");
  o.data = at("two"), o.image_size = 16, o.skip_bad = true, o.batch = 8, o.steps = 2;
  train(o);
  fs::create_directories(at("run/features"));  // of before: another shape
  cli_test::write(at("run/features/config.json"),
                  R"({"task": "image-classification", "format": 2, "shape": [3, 20, 24]})");
  cli_test::write(at("run/features/done"), "");
  Json result = measured(at("run"), "", "", 8);
  EXPECT_TRUE(result["frechet"].is_number());
  EXPECT_TRUE(result["precision"].is_null() && result["recall"].is_null()) << result;
  EXPECT_EQ(result["real_examples"], 3);
  EXPECT_TRUE(drawn_in_words(result).starts_with("frechet ")) << drawn_in_words(result);
  Sampler sampler(at("run"));
  DrawnEvalOptions of_train;
  of_train.split = "train", of_train.count = 8, of_train.quiet = true;
  EXPECT_TRUE(evaluate(sampler, of_train)["precision"].is_number());

  for (int i = 0; i < 12; ++i) picture(fmt::format("one/only/{}.png", i), 20 * i);
  o = small("of_one");
  o.data = at("one"), o.image_size = 16, o.batch = 8, o.steps = 2;
  train(o);
  result = measured(at("of_one"));
  EXPECT_FALSE(result.contains("frechet")) << result;
  EXPECT_EQ(drawn_in_words(result), "not compared");
}

}  // namespace cairn::tasks::image_gan
