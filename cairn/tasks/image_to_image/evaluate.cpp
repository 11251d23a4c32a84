#include <algorithm>
#include <cmath>

#include "cairn/metrics/picture_quality.h"
#include "cairn/tasks/image_to_image/task.h"
#include "cairn/tasks/picture_distance.h"

namespace cairn::tasks::image_to_image {

Json measured(const data::PairDataset& set, const std::vector<io::Image>& made) {
  double error = 0, psnr = 0, ssim = 0;
  for (size_t i = 0; i < made.size(); ++i) {
    const io::Image truth = set->get(static_cast<int64_t>(i)).target;
    double sum = 0;
    for (size_t p = 0; p < truth.pixels.size(); ++p)
      sum += std::abs(int(truth.pixels[p]) - int(made[i].pixels[p]));
    error += sum / (255 * static_cast<double>(truth.pixels.size()));
    psnr += metrics::psnr(truth, made[i]), ssim += metrics::ssim(truth, made[i]);
  }
  const auto count = static_cast<double>(made.size());
  return {{"examples", made.size()},
          {"loss", error / count},
          {"psnr", std::isfinite(psnr) ? Json(psnr / count) : Json()},
          {"ssim", ssim / count}};
}

double frechet(const data::PairDataset& set, const std::vector<io::Image>& made) {
  std::vector<io::Image> real;
  for (size_t i = 0; i < made.size(); ++i) real.push_back(set->get(static_cast<int64_t>(i)).target);
  return frechet_by_quarters(real, made);
}

std::string in_words(const Json& r) {
  std::string words =
      fmt::format("error {:.4f}, SSIM {:.4f}", r["loss"].get<double>(), r["ssim"].get<double>());
  if (r["psnr"].is_number()) words += fmt::format(", PSNR {:.2f} dB", r["psnr"].get<double>());
  if (r.contains("frechet")) words += fmt::format(", frechet {:.4g}", r["frechet"].get<double>());
  return words;
}

io::Image rows_of(const data::PairDataset& set, const std::vector<io::Image>& made, size_t most) {
  std::vector<io::Image> tiles;
  for (size_t i = 0; i < std::min(most, made.size()); ++i) {
    const data::PicturePair pair = set->get(static_cast<int64_t>(i));
    for (const io::Image* image : {&pair.input, &made[i], &pair.target})
      tiles.push_back(io::with_channels(*image, 3));
  }
  return io::grid(tiles, 3);
}

}  // namespace cairn::tasks::image_to_image
