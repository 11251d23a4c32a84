// Against scikit-image (tools/dump_picture_quality.py).
#include "cairn/metrics/picture_quality.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cairn/io/file.h"
#include "tests/io/temporary_folder.h"

namespace cairn::metrics {
namespace {

io::Image drawn(int width, int height, int channels, const std::vector<int>& by) {
  io::Image image(width, height, channels);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        image.at(x, y)[c] =
            static_cast<uint8_t>((x * by[0] + y * by[1] + c * 40 + x * y * by[2] % 97) % 256);
  return image;
}

TEST(PictureQuality, IsScikitImages) {
  const std::string path =
      std::string(CAIRN_SOURCE_DIR) + "/tests/metrics/data/picture_quality.json";
  const auto rows = nlohmann::json::parse(io::read_text_file(path));
  ASSERT_GE(rows.size(), 5u);
  for (const auto& r : rows) {
    const auto draw = [&](const char* name) {
      return drawn(r["width"], r["height"], r["channels"], r[name]);
    };
    const io::Image truth = draw("truth"), made = draw("made");
    EXPECT_NEAR(psnr(truth, made), r["psnr"].get<double>(), 1e-9) << r;
    EXPECT_NEAR(ssim(truth, made), r["ssim"].get<double>(), 1e-9) << r;
    EXPECT_NEAR(ssim(made, truth), r["ssim"].get<double>(), 1e-9) << r;
  }
}

TEST(PictureQuality, OfEqualPicturesAndItsErrors) {
  const io::Image a = drawn(12, 11, 3, {1, 2, 3});
  EXPECT_TRUE(std::isinf(psnr(a, a)));
  EXPECT_NEAR(ssim(a, a), 1, 1e-12);
  EXPECT_ERROR(psnr(a, io::Image(11, 12, 3)), "12 x 11 x 3 and 11 x 12 x 3");
  EXPECT_ERROR(ssim(io::Image(10, 40, 1), io::Image(10, 40, 1)), "the window has 11");
}

}  // namespace
}  // namespace cairn::metrics
