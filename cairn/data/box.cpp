#include "cairn/data/box.h"

#include <algorithm>
#include <numeric>

#include "cairn/base/error.h"

namespace cairn::data {

double intersection(const Box& a, const Box& b) {
  const double w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const double h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  return w > 0 && h > 0 ? w * h : 0;
}

double box_iou(const Box& a, const Box& b) {
  const double both = intersection(a, b);
  return both > 0 ? both / (a.area() + b.area() - both) : 0;
}

Box clipped(const Box& box, double width, double height) {
  return {std::clamp(box.x1, 0.0, width), std::clamp(box.y1, 0.0, height),
          std::clamp(box.x2, 0.0, width), std::clamp(box.y2, 0.0, height)};
}

std::vector<size_t> by_score(std::span<const Detection> detections) {
  std::vector<size_t> places(detections.size());
  std::iota(places.begin(), places.end(), size_t{0});
  std::stable_sort(places.begin(), places.end(),
                   [&](size_t a, size_t b) { return detections[a].score > detections[b].score; });
  return places;
}

std::vector<Detection> non_maximum_suppression(std::span<const Detection> detections,
                                               double threshold, size_t most) {
  check(threshold >= 0 && threshold <= 1, "non-maximum suppression: threshold {}; 0 to 1",
        threshold);
  std::vector<Detection> kept;
  for (size_t place : by_score(detections)) {
    if (kept.size() >= most) break;
    const Detection& d = detections[place];
    if (std::none_of(kept.begin(), kept.end(), [&](const Detection& k) {
          return k.label == d.label && box_iou(k.box, d.box) > threshold;
        }))
      kept.push_back(d);
  }
  return kept;
}

}  // namespace cairn::data
