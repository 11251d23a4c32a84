#include "cairn/metrics/diversity.h"

#include <algorithm>
#include <cmath>

namespace cairn::metrics {
namespace {

constexpr int64_t kImages = 4096;  // of the data that are looked at

}  // namespace

double spread(const data::Pictures& pictures) {
  const int64_t pixels = pictures.shape.size(), count = pictures.count();
  if (count < 2) return 0;
  double total = 0;
  for (int64_t p = 0; p < pixels; ++p) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double x = pictures.pixels[static_cast<size_t>(i * pixels + p)] / 255.0;
      sum += x, squares += x * x;
    }
    const double n = static_cast<double>(count);
    total += std::max(0.0, squares / n - sum / n * (sum / n)) * n / (n - 1);
  }
  return std::sqrt(total / static_cast<double>(pixels));
}

std::vector<double> spreads_of(const data::ImageDataset& set, bool together) {
  const int64_t pixels = set.shape().size();
  std::vector<data::Pictures> groups(together ? 1 : set.classes().size(), {set.shape(), {}});
  const int64_t count = std::min(kImages, set.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = i * set.size() / count;
    auto& into = groups[together ? 0 : static_cast<size_t>(set.label(index))].pixels;
    into.resize(into.size() + static_cast<size_t>(pixels));
    set.image(index, into.data() + into.size() - pixels);
  }
  std::vector<double> spreads;
  for (const data::Pictures& group : groups) spreads.push_back(spread(group));
  return spreads;
}

}  // namespace cairn::metrics
