#include <algorithm>
#include <cmath>
#include <numeric>

#include "cairn/tasks/object_detection/task.h"

namespace cairn::tasks::object_detection {
namespace {

using data::Box, data::GroundTruth, models::DetectorPoint;

constexpr size_t kNearest = 9;  // points of a level that are looked at
constexpr double kSquare = 4;   // strides

Box square_around(const DetectorPoint& p) {
  const double half = p.stride * kSquare / 2;
  return {p.x - half, p.y - half, p.x + half, p.y + half};
}
bool holds(const Box& b, const DetectorPoint& p) {
  return p.x > b.x1 && p.x < b.x2 && p.y > b.y1 && p.y < b.y2;
}

// The points of each level that are nearest to the middle of a box.
std::vector<size_t> nearest_points(const Box& box, std::span<const DetectorPoint> points) {
  const double x = (box.x1 + box.x2) / 2, y = (box.y1 + box.y2) / 2;
  const auto distance = [&](size_t i) { return std::hypot(points[i].x - x, points[i].y - y); };
  std::vector<size_t> near;
  for (size_t first = 0; first < points.size();) {
    size_t end = first;
    while (end < points.size() && points[end].stride == points[first].stride) ++end;
    std::vector<size_t> level(end - first);
    std::iota(level.begin(), level.end(), first);
    const size_t count = std::min(kNearest, level.size());
    std::partial_sort(
        level.begin(), level.begin() + static_cast<int64_t>(count), level.end(),
        [&](size_t a, size_t b) { return std::pair(distance(a), a) < std::pair(distance(b), b); });
    near.insert(near.end(), level.begin(), level.begin() + static_cast<int64_t>(count));
    first = end;
  }
  return near;
}

// Mean plus deviation of the overlaps.
double unusual(const std::vector<double>& overlaps) {
  const auto n = static_cast<double>(overlaps.size());
  const double mean = std::accumulate(overlaps.begin(), overlaps.end(), 0.0) / n;
  double variance = 0;
  for (double o : overlaps) variance += (o - mean) * (o - mean) / std::max(1.0, n - 1);
  return mean + std::sqrt(variance);
}

}  // namespace

Targets targets_of(std::span<const GroundTruth> objects, std::span<const DetectorPoint> points,
                   int64_t classes) {
  Targets t{std::vector<int64_t>(points.size(), classes), {}, std::vector<float>(points.size(), 1)};
  std::vector<const GroundTruth*> taken(points.size());
  std::vector<double> best(points.size(), 0);
  for (const GroundTruth& o : objects) {
    if (o.crowd || o.difficult) {
      for (size_t i = 0; i < points.size(); ++i)
        if (holds(o.box, points[i])) t.weight[i] = 0;
      continue;
    }
    const auto near = nearest_points(o.box, points);
    std::vector<double> overlaps;
    for (size_t i : near) overlaps.push_back(data::box_iou(square_around(points[i]), o.box));
    const double least = unusual(overlaps);
    for (size_t k = 0; k < near.size(); ++k) {
      const size_t i = near[k];
      if (overlaps[k] < least || overlaps[k] <= best[i] || !holds(o.box, points[i])) continue;
      best[i] = overlaps[k], taken[i] = &o;
    }
  }
  for (size_t i = 0; i < points.size(); ++i) {
    const Box box = taken[i] ? taken[i]->box : square_around(points[i]);
    for (double side : {box.x1, box.y1, box.x2, box.y2}) t.box.push_back(static_cast<float>(side));
    if (taken[i]) t.label[i] = taken[i]->label, t.weight[i] = 1;
  }
  return t;
}

bool holds_a_point(const Box& box) {
  constexpr double kStride = models::Detector::kStrides[0];
  const auto between = [](double low, double high) {
    const double first = (std::floor(low / kStride - 0.5) + 1.5) * kStride;  // above `low`
    return first < high;
  };
  return between(box.x1, box.x2) && between(box.y1, box.y2);
}

}  // namespace cairn::tasks::object_detection
