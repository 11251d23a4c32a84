#include "cairn/tasks/picture_distance.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/philox.h"
#include "cairn/metrics/distributions.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::tasks {
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
    const size_t plane = static_cast<size_t>(half) * half, at = static_cast<size_t>(q) * 3 * plane;
    for (size_t i = 0; i < plane; ++i)
      for (size_t c = 0; c < 3; ++c)
        planes[at + c * plane + i] = static_cast<float>(quarter.pixels[3 * i + c]) / 127.5f - 1;
  }
  const Tensor rows = features_of(tensor(planes, {4, 3, half, half}), layers);
  features.count += 4, features.dim = rows.size(1);
  const auto values = rows.to_vector<float>();
  features.values.insert(features.values.end(), values.begin(), values.end());
}

}  // namespace

double frechet_by_quarters(const std::vector<io::Image>& real, const std::vector<io::Image>& made) {
  const NoGrad no_grad;
  const Tensors layers = {random_weights(32, 3, 0), random_weights(64, 32, 1),
                          random_weights(64, 64, 2)};
  metrics::Features of_real, of_made;
  for (const io::Image& image : real) add_quarters(image, layers, of_real);
  for (const io::Image& image : made) add_quarters(image, layers, of_made);
  return metrics::frechet_distance(of_real, of_made);
}

}  // namespace cairn::tasks
