#include "cairn/metrics/calibration.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"

namespace cairn::metrics {

Calibration::Calibration(int bins) : sums_(static_cast<size_t>(std::max(bins, 1))) {
  check(bins > 0, "calibration: {} bins; at least 1", bins);
}

void Calibration::add(double confidence, bool right) {
  check(confidence >= 0 && confidence <= 1 + 1e-6, "calibration: a probability of {}", confidence);
  const auto bins = static_cast<double>(sums_.size());
  Sums& bin = sums_[static_cast<size_t>(std::min(confidence * bins, bins - 1))];
  ++bin.count, bin.right += right, bin.confidence += confidence;
}

std::vector<Calibration::Bin> Calibration::bins() const {
  std::vector<Bin> all;
  for (const Sums& s : sums_) {
    const auto count = static_cast<double>(std::max<int64_t>(s.count, 1));
    all.push_back({s.count, s.confidence / count, static_cast<double>(s.right) / count});
  }
  return all;
}

double Calibration::error() const {
  double sum = 0;
  int64_t examples = 0;
  for (const Bin& bin : bins()) {
    sum += static_cast<double>(bin.count) * std::abs(bin.confidence - bin.accuracy);
    examples += bin.count;
  }
  return examples ? sum / static_cast<double>(examples) : 0;
}

}  // namespace cairn::metrics
