// Boxes: by the host, since how many are left depends on their values.
#include <algorithm>
#include <numeric>

#include "cairn/onnx/node_call.h"

namespace cairn::onnx {
namespace {

struct Corners {
  double x0, y0, x1, y1;
  double area() const { return (x1 - x0) * (y1 - y0); }
};
Corners corners_of(const double* b, bool by_centre) {
  if (by_centre) return {b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2};
  return {std::min(b[1], b[3]), std::min(b[0], b[2]), std::max(b[1], b[3]), std::max(b[0], b[2])};
}
// Whether they share more than the limit: as much is not more.
bool overlap(const Corners& a, const Corners& b, double limit) {
  const double width = std::min(a.x1, b.x1) - std::max(a.x0, b.x0),
               height = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (width <= 0 || height <= 0 || a.area() <= 0 || b.area() <= 0) return false;
  const double shared = width * height;
  // In f32, as the thresholds are.
  return static_cast<float>(shared / (a.area() + b.area() - shared)) > static_cast<float>(limit);
}

// Boxes [B, N, 4], scores [B, classes, N] -> rows of batch, class, box.
void read_nms(NodeCall& c) {
  const auto boxes = numbers_of(c.in(0)), scores = numbers_of(c.in(1));
  const auto first = [&](size_t i, double otherwise) {
    return c.has(i) && c.in(i).numel() ? numbers_of(c.in(i))[0] : otherwise;
  };
  const int64_t most = c.has(2) && c.in(2).numel() ? integers_of(c.in(2))[0] : 0;
  const double limit = first(3, 0);
  const bool has_least = c.has(4) && c.in(4).numel();
  const double least = first(4, 0);
  const bool by_centre = c.integer("center_point_box", 0) != 0;
  const int64_t batch = c.in(0).size(0), count = c.in(0).size(1), classes = c.in(1).size(1);
  check(c.in(0).size(2) == 4 && c.in(1).size(0) == batch && c.in(1).size(2) == count,
        "boxes {}, scores {}", to_string(c.in(0).shape()), to_string(c.in(1).shape()));
  std::vector<int64_t> kept;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t k = 0; k < classes; ++k) {
      const double* score = scores.data() + (b * classes + k) * count;
      std::vector<int64_t> order;
      for (int64_t i = 0; i < count; ++i)
        if (!has_least || score[i] > least) order.push_back(i);
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t i, int64_t j) { return score[i] > score[j]; });
      std::vector<Corners> chosen;
      for (int64_t i : order) {
        if (static_cast<int64_t>(chosen.size()) >= most) break;
        const Corners box = corners_of(boxes.data() + (b * count + i) * 4, by_centre);
        if (std::any_of(chosen.begin(), chosen.end(),
                        [&](const Corners& other) { return overlap(box, other, limit); }))
          continue;
        chosen.push_back(box);
        kept.insert(kept.end(), {b, k, i});
      }
    }
  c.give(integers(kept, {static_cast<int64_t>(kept.size()) / 3, 3}));
}

constexpr OpRow kDetection[] = {{"NonMaxSuppression", read_nms}};

}  // namespace

OpRows detection_rows() { return kDetection; }

}  // namespace cairn::onnx
