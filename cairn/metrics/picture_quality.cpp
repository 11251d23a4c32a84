#include "cairn/metrics/picture_quality.h"

#include <array>
#include <cmath>

#include "cairn/base/error.h"

namespace cairn::metrics {
namespace {

constexpr int kTaps = 11;
constexpr double kSigma = 1.5, kRange = 255, kK1 = 0.01, kK2 = 0.03;

void check_alike(const char* what, const io::Image& a, const io::Image& b) {
  check(a.width == b.width && a.height == b.height && a.channels == b.channels,
        "{}: pictures of {} x {} x {} and {} x {} x {}", what, a.width, a.height, a.channels,
        b.width, b.height, b.channels);
}

std::array<double, kTaps> window() {
  std::array<double, kTaps> taps{};
  double sum = 0;
  for (int i = 0; i < kTaps; ++i) {
    const double x = i - kTaps / 2;
    sum += taps[i] = std::exp(-x * x / (2 * kSigma * kSigma));
  }
  for (double& t : taps) t /= sum;
  return taps;
}

// One channel, or a product of two.
struct Plane {
  int width = 0, height = 0;
  std::vector<double> values;
};

// Weighted means of the window around every place where it fits.
Plane averaged(const Plane& in) {
  static const std::array<double, kTaps> taps = window();
  Plane across{in.width - kTaps + 1, in.height, {}};
  for (int y = 0; y < in.height; ++y)
    for (int x = 0; x < across.width; ++x) {
      double sum = 0;
      for (int t = 0; t < kTaps; ++t) sum += taps[t] * in.values[size_t(y) * in.width + x + t];
      across.values.push_back(sum);
    }
  Plane out{across.width, in.height - kTaps + 1, {}};
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      double sum = 0;
      for (int t = 0; t < kTaps; ++t)
        sum += taps[t] * across.values[size_t(y + t) * across.width + x];
      out.values.push_back(sum);
    }
  return out;
}

Plane product(const io::Image& a, const io::Image& b, int channel) {
  Plane out{a.width, a.height, {}};
  for (size_t i = static_cast<size_t>(channel); i < a.pixels.size(); i += a.channels)
    out.values.push_back(double(a.pixels[i]) * b.pixels[i]);
  return out;
}

Plane channel_of(const io::Image& a, int channel) {
  Plane out{a.width, a.height, {}};
  for (size_t i = static_cast<size_t>(channel); i < a.pixels.size(); i += a.channels)
    out.values.push_back(a.pixels[i]);
  return out;
}

}  // namespace

double psnr(const io::Image& truth, const io::Image& made) {
  check_alike("psnr", truth, made);
  double squares = 0;
  for (size_t i = 0; i < truth.pixels.size(); ++i) {
    const double d = double(truth.pixels[i]) - made.pixels[i];
    squares += d * d;
  }
  return 10 * std::log10(kRange * kRange * static_cast<double>(truth.pixels.size()) / squares);
}

double ssim(const io::Image& truth, const io::Image& made) {
  check_alike("ssim", truth, made);
  check(truth.width >= kTaps && truth.height >= kTaps,
        "ssim: pictures of {} x {}; the window has {} pixels a side", truth.width, truth.height,
        kTaps);
  const double c1 = kK1 * kRange * kK1 * kRange, c2 = kK2 * kRange * kK2 * kRange;
  double total = 0;
  size_t count = 0;
  for (int c = 0; c < truth.channels; ++c) {
    const Plane a = averaged(channel_of(truth, c)), b = averaged(channel_of(made, c));
    const Plane aa = averaged(product(truth, truth, c)), bb = averaged(product(made, made, c));
    const Plane ab = averaged(product(truth, made, c));
    for (size_t i = 0; i < a.values.size(); ++i, ++count) {
      const double ma = a.values[i], mb = b.values[i];
      const double va = aa.values[i] - ma * ma, vb = bb.values[i] - mb * mb;
      const double cov = ab.values[i] - ma * mb;
      total += (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
    }
  }
  return total / static_cast<double>(count);
}

}  // namespace cairn::metrics
