// The changes and their strengths against torchvision's on Pillow's images
// (tools/dump_augmentations.py).
#include "cairn/data/trivial_augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "cairn/base/json.h"

namespace cairn::data {
namespace {

Json dumped() {
  std::ifstream file(CAIRN_SOURCE_DIR "/tests/data/data/augmentations.json");
  return Json::parse(file);
}

std::vector<uint8_t> bytes_of(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

const Change& named(const std::string& name) {
  const auto all = all_changes();
  return *std::find_if(all.begin(), all.end(), [&](const Change& c) { return c.name == name; });
}

ImageShape shape_of(const Json& picture) {
  return {picture["shape"][0], picture["shape"][1], picture["shape"][2]};
}

TEST(TrivialAugment, StrengthsAreTorchvisions) {
  const Json all = dumped()["strengths"];
  ASSERT_EQ(all.size(), all_changes().size());
  for (const auto& [name, strengths] : all.items())
    for (size_t step = 0; step < strengths.size(); ++step)
      EXPECT_FLOAT_EQ(strength_of(named(name), static_cast<int>(step)),
                      strengths[step].get<float>())
          << name << " " << step;
}

TEST(TrivialAugment, ChangesAreTorchvisionsToTheByte) {
  const Json all = dumped();
  int changed = 0;
  for (const Json& expected : all["cases"]) {
    const Json& picture = all["pictures"][expected["picture"].get<size_t>()];
    auto pixels = bytes_of(picture["pixels"]);
    const auto before = pixels;
    named(expected["change"]).apply(pixels.data(), shape_of(picture), expected["strength"]);
    EXPECT_EQ(pixels, bytes_of(expected["out"]))
        << expected["change"] << " by " << expected["strength"] << " of picture "
        << expected["picture"];
    changed += pixels != before;
  }
  EXPECT_GT(changed, 60);
}

TEST(TrivialAugment, EveryChangeIsDrawnAboutAsOften) {
  const Json all = dumped();
  const auto before = bytes_of(all["pictures"][0]["pixels"]);
  std::set<std::vector<uint8_t>> seen;
  int same = 0;
  for (uint64_t draw = 0; draw < 2000; ++draw) {
    PhiloxStream random(1, draw);
    auto pixels = before;
    trivial_augment(pixels.data(), shape_of(all["pictures"][0]), random);
    same += pixels == before;
    seen.insert(pixels);
  }
  // Identity, strength 0 and what changes nothing here.
  EXPECT_GT(same, 2000 / 14);
  EXPECT_LT(same, 2000 / 4);
  EXPECT_GT(seen.size(), 200u);
}

}  // namespace
}  // namespace cairn::data
