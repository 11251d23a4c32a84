#include "cairn/metrics/detection_errors.h"

namespace cairn::metrics {
namespace {

using data::Detection, data::GroundTruth;

constexpr double kRight = 0.5, kNear = 0.1;

bool counts(const GroundTruth& t) { return !t.crowd && !t.difficult; }

// The object that overlaps most of those that `wanted` picks; its IoU, and its place (npos: none).
struct Nearest {
  double iou = 0;
  size_t place = static_cast<size_t>(-1);
};
template <class Wanted>
Nearest nearest(const Detection& d, std::span<const GroundTruth> truth, Wanted wanted) {
  Nearest best;
  for (size_t i = 0; i < truth.size(); ++i)
    if (const double iou = data::box_iou(d.box, truth[i].box); iou > best.iou && wanted(i))
      best = {iou, i};
  return best;
}

}  // namespace

DetectionErrors& DetectionErrors::operator+=(const DetectionErrors& o) {
  right += o.right, wrong_label += o.wrong_label, misplaced += o.misplaced, both += o.both;
  duplicate += o.duplicate, background += o.background, missed += o.missed;
  return *this;
}

DetectionErrors detection_errors(std::span<const GroundTruth> truth,
                                 std::span<const Detection> found) {
  DetectionErrors e;
  std::vector<bool> taken(truth.size()), touched(truth.size());
  for (size_t place : data::by_score(found)) {
    const Detection& d = found[place];
    const auto own = [&](size_t i) { return counts(truth[i]) && truth[i].label == d.label; };
    const auto other = [&](size_t i) { return counts(truth[i]) && truth[i].label != d.label; };
    const Nearest free = nearest(d, truth, [&](size_t i) { return own(i) && !taken[i]; });
    const Nearest same = nearest(d, truth, own), wrong = nearest(d, truth, other);
    if (free.iou >= kRight) ++e.right, taken[free.place] = true;
    else if (nearest(d, truth, [&](size_t i) { return !counts(truth[i]); }).iou >= kRight) continue;
    else if (same.iou >= kRight) ++e.duplicate;
    else if (wrong.iou >= kRight) ++e.wrong_label, touched[wrong.place] = true;
    else if (same.iou >= kNear) ++e.misplaced, touched[same.place] = true;
    else if (wrong.iou >= kNear) ++e.both;
    else ++e.background;
  }
  for (size_t i = 0; i < truth.size(); ++i)
    if (counts(truth[i]) && !taken[i] && !touched[i]) ++e.missed;
  return e;
}

}  // namespace cairn::metrics
