#include "cairn/data/mix.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace cairn::data {
namespace {

// From Gamma(alpha, 1), alpha >= 1 (Marsaglia and Tsang 2000); below 1: of alpha + 1, times
// u^(1/alpha).
double draw_gamma(double alpha, PhiloxStream& random) {
  const auto open_uniform = [&] { return 1.0 - random.uniform(); };  // never 0
  if (alpha < 1) {
    const double u = open_uniform();
    return draw_gamma(alpha + 1, random) * std::pow(u, 1 / alpha);
  }
  const double d = alpha - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = random.normal(), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(open_uniform()) < x * x / 2 + d - d * v + d * std::log(v)) return d * v;
  }
}

struct Rectangle {
  int left, top, right, bottom;
  int area() const { return (right - left) * (bottom - top); }
};

// About `part` of the picture around a random pixel; what would reach beyond the border is cut off.
Rectangle draw_rectangle(const ImageShape& shape, double part, PhiloxStream& random) {
  const auto x = static_cast<int>(random.below(static_cast<uint32_t>(shape.width))),
             y = static_cast<int>(random.below(static_cast<uint32_t>(shape.height)));
  const double half = std::sqrt(part) / 2;
  const int across = static_cast<int>(half * shape.width),
            down = static_cast<int>(half * shape.height);
  return {std::max(x - across, 0), std::max(y - down, 0), std::min(x + across, shape.width),
          std::min(y + down, shape.height)};
}

// use(picture, its partner) for every picture, none of which has changed before.
template <class Use>
void with_partners(float* images, int64_t count, int64_t size, const Use& use) {
  const std::vector<float> last(images + (count - 1) * size, images + count * size);
  for (int64_t i = count - 1; i > 0; --i) use(images + i * size, images + (i - 1) * size);
  use(images, last.data());
}

}  // namespace

double draw_beta(double alpha, PhiloxStream& random) {
  const double a = draw_gamma(alpha, random), b = draw_gamma(alpha, random);
  return a + b > 0 ? a / (a + b) : 0.5;
}

float mix_batch(const Mixing& mixing, const ImageShape& shape, int64_t count, PhiloxStream random,
                float* images) {
  const bool cuts = mixing.cutmix > 0 && (mixing.mixup <= 0 || random.chance(0.5f));
  const auto own = static_cast<float>(draw_beta(cuts ? mixing.cutmix : mixing.mixup, random));
  if (!cuts) {
    with_partners(images, count, shape.size(), [&](float* picture, const float* partner) {
      for (int64_t k = 0; k < shape.size(); ++k)
        picture[k] = own * picture[k] + (1 - own) * partner[k];
    });
    return own;
  }
  const Rectangle cut = draw_rectangle(shape, 1 - own, random);
  const int64_t rows = int64_t{shape.channels} * shape.height;
  with_partners(images, count, shape.size(), [&](float* picture, const float* partner) {
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t y = row % shape.height, at = row * shape.width + cut.left;
      if (y >= cut.top && y < cut.bottom)
        std::copy_n(partner + at, cut.right - cut.left, picture + at);
    }
  });
  return 1 - static_cast<float>(cut.area()) / static_cast<float>(shape.height * shape.width);
}

}  // namespace cairn::data
