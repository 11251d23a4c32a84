#include "cairn/metrics/detection.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cairn/base/error.h"

namespace cairn::metrics {
namespace {

using data::Box, data::Detection, data::GroundTruth;

constexpr int kRecalls = 101;

bool within(double area, const DetectionOptions& o) {
  return area >= o.least_area && area <= o.most_area;
}

struct Object {
  const GroundTruth* truth;
  bool counts;  // else whatever takes it is left out
  bool taken = false;
};

// Of one label in one picture; those that count first.
std::vector<Object> objects_of(const std::vector<GroundTruth>& truth, int64_t label,
                               const DetectionOptions& o) {
  std::vector<Object> all;
  for (const GroundTruth& t : truth)
    if (t.label == label)
      all.push_back({&t, !t.crowd && !t.difficult && within(t.area.value_or(t.box.area()), o)});
  std::stable_partition(all.begin(), all.end(), [](const Object& x) { return x.counts; });
  return all;
}

std::vector<Detection> best_of(const std::vector<Detection>& found, int64_t label, size_t most) {
  std::vector<Detection> own;
  for (const Detection& d : found)
    if (d.label == label) own.push_back(d);
  std::vector<Detection> best;
  for (size_t place : data::by_score(own)) {
    if (best.size() == most) break;
    best.push_back(own[place]);
  }
  return best;
}

double overlap(const Detection& d, const GroundTruth& t) {
  if (!t.crowd) return data::box_iou(d.box, t.box);
  const double both = data::intersection(d.box, t.box);
  return both > 0 ? both / d.box.area() : 0;
}

// The object that a detection takes; none: nothing overlaps enough.
Object* taken_by(const Detection& d, std::vector<Object>& objects, double threshold) {
  double best = std::min(threshold, 1 - 1e-10);
  Object* match = nullptr;
  for (Object& object : objects) {
    const bool often = object.truth->crowd || object.truth->difficult;
    if (object.taken && !often) continue;
    if (match && match->counts && !object.counts) break;
    const double o = overlap(d, *object.truth);
    if (o < best) continue;
    best = o, match = &object;
  }
  return match;
}

struct Judged {
  double score;
  bool right;
};
struct Outcome {
  std::vector<Judged> detections;  // that count, in the order of pictures
  int64_t objects = 0;
};

void judge(const std::vector<GroundTruth>& truth, const std::vector<Detection>& found,
           int64_t label, double threshold, const DetectionOptions& o, Outcome& outcome) {
  std::vector<Object> objects = objects_of(truth, label, o);
  for (const Object& object : objects) outcome.objects += object.counts;
  for (const Detection& d : best_of(found, label, o.most)) {
    Object* match = taken_by(d, objects, threshold);
    if (match) match->taken = true;
    if (match ? match->counts : within(d.box.area(), o))
      outcome.detections.push_back({d.score, match != nullptr});
  }
}

PrecisionRecall curve_of(Outcome outcome) {
  auto& all = outcome.detections;
  std::stable_sort(all.begin(), all.end(),
                   [](const Judged& a, const Judged& b) { return a.score > b.score; });
  PrecisionRecall curve{.objects = outcome.objects};
  if (curve.objects == 0) return curve;
  double right = 0, wrong = 0;
  for (const Judged& j : all) {
    (j.right ? right : wrong) += 1;
    curve.recall.push_back(right / static_cast<double>(curve.objects));
    curve.precision.push_back(right / (right + wrong + std::numeric_limits<double>::epsilon()));
    curve.scores.push_back(j.score);
  }
  std::vector<double> best = curve.precision;
  for (size_t i = best.size(); i-- > 1;) best[i - 1] = std::max(best[i - 1], best[i]);
  curve.average = 0;
  for (int k = 0; k < kRecalls; ++k) {
    const double wanted = k == kRecalls - 1 ? 1 : k * 0.01;
    const auto at = std::lower_bound(curve.recall.begin(), curve.recall.end(), wanted);
    if (at != curve.recall.end()) curve.average += best[at - curve.recall.begin()] / kRecalls;
  }
  return curve;
}

// The mean of those that are there, -1 for none.
double mean_of(const std::vector<double>& values) {
  double sum = 0;
  int64_t count = 0;
  for (double v : values)
    if (v > -1) sum += v, ++count;
  return count ? sum / static_cast<double>(count) : -1;
}

}  // namespace

std::vector<double> coco_thresholds() {
  std::vector<double> all;
  constexpr double kStep = (0.95 - 0.5) / 9;
  for (int i = 0; i < 9; ++i) all.push_back(i * kStep + 0.5);
  all.push_back(0.95);
  return all;
}

void DetectionMetrics::add(std::vector<GroundTruth> truth, std::vector<Detection> found) {
  const auto check_one = [&](const char* what, const Box& b, int64_t label) {
    check(label >= 0 && label < static_cast<int64_t>(labels_),
          "detection metrics: {} of label {}, "
          "labels are 0 to {}",
          what, label, static_cast<int64_t>(labels_) - 1);
    check(std::isfinite(b.x1) && std::isfinite(b.y1) && std::isfinite(b.x2) && std::isfinite(b.y2),
          "detection metrics: a {}'s box is no number", what);
  };
  for (const GroundTruth& t : truth) check_one("object", t.box, t.label);
  for (const Detection& d : found) {
    check_one("detection", d.box, d.label);
    check(std::isfinite(d.score), "detection metrics: a detection's score is no number");
  }
  truth_.push_back(std::move(truth)), found_.push_back(std::move(found));
}

PrecisionRecall DetectionMetrics::precision_recall(int64_t label, double threshold,
                                                   const DetectionOptions& options) const {
  Outcome outcome;
  for (size_t i = 0; i < truth_.size(); ++i)
    judge(truth_[i], found_[i], label, threshold, options, outcome);
  return curve_of(std::move(outcome));
}

AveragePrecision DetectionMetrics::average_precision(const DetectionOptions& options) const {
  const auto& thresholds = options.thresholds;
  std::vector<double> all, at_50, at_75, recalls;
  AveragePrecision result;
  for (size_t label = 0; label < labels_; ++label) {
    std::vector<double> own;
    result.per_label_50.push_back(-1);
    for (double threshold : thresholds) {
      const auto curve = precision_recall(static_cast<int64_t>(label), threshold, options);
      own.push_back(curve.average), all.push_back(curve.average);
      if (curve.objects > 0) recalls.push_back(curve.recall.empty() ? 0 : curve.recall.back());
      if (std::abs(threshold - 0.5) < 1e-9)
        at_50.push_back(curve.average), result.per_label_50.back() = curve.average;
      if (std::abs(threshold - 0.75) < 1e-9) at_75.push_back(curve.average);
    }
    result.per_label.push_back(mean_of(own));
  }
  result.map = mean_of(all), result.recall = mean_of(recalls);
  result.map50 = mean_of(at_50), result.map75 = mean_of(at_75);
  return result;
}

}  // namespace cairn::metrics
