#include "cairn/quantize/observe.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cairn::quantize {
namespace {

constexpr int kBins = 4096;

}  // namespace

bool Observer::see_ends(const std::vector<float>& values) {
  for (float v : values) {
    if (!std::isfinite(v)) return false;
    low_ = std::min(low_, v), high_ = std::max(high_, v);
  }
  return true;
}

void Observer::see_counts(const std::vector<float>& values) {
  counts_.resize(kBins, 0);
  const float width = high_ - low_;
  if (!(width > 0)) return;
  for (float v : values) {
    const auto bin = static_cast<int>((v - low_) / width * kBins);
    ++counts_[std::clamp(bin, 0, kBins - 1)];
  }
}

QParams Observer::params(double percentile) const {
  double low = low_, high = high_;
  if (!counts_.empty()) {
    const double width = (high - low) / kBins;
    const auto all =
        static_cast<double>(std::accumulate(counts_.begin(), counts_.end(), int64_t{0}));
    const double outside = all * (1 - percentile / 100);
    int first = 0, last = kBins;
    for (double cut = 0; first < kBins && (cut += static_cast<double>(counts_[first])) <= outside;)
      ++first;
    for (double cut = 0;
         last > first && (cut += static_cast<double>(counts_[last - 1])) <= outside;)
      --last;
    high = low + last * width, low += first * width;
  }
  low = std::min(low, 0.0), high = std::max(high, 0.0);
  const double scale = (high - low) / 255;
  if (!(scale > 0) || !std::isfinite(scale)) return {};
  return {scale, std::clamp<int64_t>(std::llround(-low / scale), 0, 255)};
}

}  // namespace cairn::quantize
