#include <algorithm>
#include <cmath>

#include "cairn/base/philox.h"
#include "cairn/metrics/distributions.h"
#include "cairn/metrics/picture_quality.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_to_image/task.h"

namespace cairn::tasks::image_to_image {
namespace {

constexpr uint64_t kFeatureSeed = 0x66656174;

// Weights of a layer, drawn once and for all (He et al. 2015).
Tensor random_weights(int64_t out, int64_t in, int64_t layer) {
  PhiloxStream random(philox_derive(kFeatureSeed, static_cast<uint64_t>(layer)), 0);
  const auto deviation = static_cast<float>(std::sqrt(2.0 / static_cast<double>(in * 16)));
  std::vector<float> values(static_cast<size_t>(out * in * 16));
  for (float& v : values) v = deviation * static_cast<float>(random.normal());
  return tensor(values, {out, in, 4, 4});
}

// [N, 3, side, side] -> [N, 64]: means over space of three convolutions.
Tensor features_of(Tensor x, const Tensors& layers) {
  for (const Tensor& w : layers)
    x = leaky_relu(conv2d(x, w, {}, {.stride = {2}, .padding = {1}}), 0.2);
  return mean(x, {2, 3});
}

// A row for each quarter of a picture.
void add_quarters(const io::Image& image, const Tensors& layers, metrics::Features& features) {
  const io::Image colour = io::with_channels(image, 3);
  const int half = colour.width / 2;
  std::vector<float> planes(static_cast<size_t>(4 * 3 * half * half));
  for (int q = 0; q < 4; ++q) {
    io::Image quarter(half, half, 3);
    for (int y = 0; y < half; ++y)
      std::copy_n(colour.at(q % 2 * half, q / 2 * half + y), static_cast<size_t>(half) * 3,
                  quarter.at(0, y));
    write_planes(quarter, &planes[static_cast<size_t>(q * 3 * half * half)]);
  }
  const Tensor rows = features_of(tensor(planes, {4, 3, half, half}), layers);
  features.count += 4, features.dim = rows.size(1);
  const auto values = rows.to_vector<float>();
  features.values.insert(features.values.end(), values.begin(), values.end());
}

}  // namespace

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
  const NoGrad no_grad;
  const Tensors layers = {random_weights(32, 3, 0), random_weights(64, 32, 1),
                          random_weights(64, 64, 2)};
  metrics::Features real, drawn;
  for (size_t i = 0; i < made.size(); ++i) {
    add_quarters(set->get(static_cast<int64_t>(i)).target, layers, real);
    add_quarters(made[i], layers, drawn);
  }
  return metrics::frechet_distance(real, drawn);
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
