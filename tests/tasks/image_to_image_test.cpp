// Image to image: what is learned from drawn outlines, and what is made of new ones.
#include "cairn/tasks/image_to_image/task.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "cairn/base/parallel.h"
#include "cairn/io/tensors.h"
#include "cairn/metrics/picture_quality.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks::image_to_image {
namespace {

Options small(const std::string& out, int64_t steps) {
  Options o;
  o.data = "shapes", o.steps = steps, o.batch = 8, o.width = 8, o.lr = 1e-3, o.ema = 0.9;
  o.sample_every = steps, o.quiet = true, o.out = out;
  return o;
}

TEST(ImageToImage, LearnsToFillOutlines) {
  set_num_threads(1);
  const TemporaryFolder folder;
  const Json little = train(small(folder / "little", 2)), more = train(small(folder / "more", 60));
  EXPECT_EQ(more["examples"], 40);
  EXPECT_LT(more["loss"].get<double>(), 0.75 * little["loss"].get<double>());
  EXPECT_GT(more["ssim"].get<double>(), little["ssim"].get<double>());
  EXPECT_TRUE(std::filesystem::exists(folder / "more/samples/step-000060.png"));
}

NamedTensors discriminator_of(const Options& o) {
  NamedTensors all;
  for (const auto& [name, t] : io::load_tensors(*o.out + "/checkpoint.safetensors"))
    if (name.starts_with("discriminator.")) all.emplace_back(name, t);
  return all;
}

// By the error alone the discriminator stays what it was; R1 changes what it becomes.
TEST(ImageToImage, WhatTheDiscriminatorLearns) {
  set_num_threads(1);
  const TemporaryFolder folder;
  std::vector<NamedTensors> after;
  for (const auto& [name, adversarial, r1, steps] :
       std::vector<std::tuple<std::string, double, double, int64_t>>{
           {"alone", 0, 0, 2}, {"longer", 0, 0, 4}, {"both", 1, 0, 2}, {"slope", 1, 10, 2}}) {
    Options o = small(folder / name, steps);
    o.adversarial = adversarial;
    if (adversarial > 0) o.r1 = r1;
    EXPECT_TRUE(std::isfinite(train(o)["loss"].get<double>()));
    after.push_back(discriminator_of(o));
    ASSERT_FALSE(after.back().empty());
  }
  const auto same = [&](size_t a, size_t b) {
    for (size_t i = 0; i < after[a].size(); ++i)
      if (after[a][i].second.to_vector<float>() != after[b][i].second.to_vector<float>())
        return false;
    return true;
  };
  EXPECT_TRUE(same(0, 1));
  Options unheard = small(folder / "unheard", 2);
  unheard.adversarial = 0, unheard.r1 = 1;
  EXPECT_THROW(train(unheard), InvalidOption);
  EXPECT_FALSE(same(0, 2));
  EXPECT_FALSE(same(2, 3));
}

TEST(ImageToImage, FrechetIsZeroForTheTruth) {
  const auto set = data::taken(data::open_picture_pairs("shapes", {}).test, 12);
  std::vector<io::Image> truth, blank;
  for (int64_t i = 0; i < set->size(); ++i) {
    truth.push_back(set->get(i).target);
    blank.push_back(io::Image(truth[0].width, truth[0].height, 3, 128));
  }
  EXPECT_NEAR(frechet(set, truth), 0, 1e-6);
  EXPECT_GT(frechet(set, blank), 1e-3);
  const Json same = measured(set, truth);
  EXPECT_TRUE(same["psnr"].is_null());
  EXPECT_EQ(same["loss"], 0);
  EXPECT_NEAR(
      measured(set, blank)["psnr"].get<double>(),
      [&] {
        double sum = 0;
        for (const auto& image : truth) sum += metrics::psnr(image, blank[0]);
        return sum / 12;
      }(),
      1e-9);
}

// Files that hold both are taken apart where the run learned from such.
TEST(ImageToImage, WhatIsGivenIsTakenFromBothAsInTraining) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "data");
  for (int i = 0; i < 10; ++i) {
    io::Image both(32, 16, 3, 10);
    for (int y = 0; y < 16; ++y)
      for (int x = 16; x < 32; ++x) std::fill_n(both.at(x, y), 3, static_cast<uint8_t>(200 + i));
    io::write_png(folder / fmt::format("data/{}.png", i), both);
  }
  Options o = small(folder / "run", 2);
  o.data = folder / "data", o.val_split = 0.25;
  train(o);
  Translator t(train::open_saved_model(folder / "run", kTask));
  EXPECT_EQ(t.given_in(folder / "data/3.png").pixels[0], 203);
  EXPECT_EQ(t.given_in(folder / "data/3.png").width, 16);
  EXPECT_EQ(
      t.open("", "test")->size() + t.open("", "validation")->size() + t.open("", "train")->size(),
      10);
}

}  // namespace
}  // namespace cairn::tasks::image_to_image
