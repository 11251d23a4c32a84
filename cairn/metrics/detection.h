// Average precision of detections by COCO's rules, equal to pycocotools' (Lin et al. 2014;
// cocodataset.org/#detection-eval):
//   - a detection takes the ground truth of its label that it overlaps most and that no better
//     detection has taken, when their IoU reaches the threshold; IoU in double, no pixel added;
//   - detections count by falling score over all pictures; equal scores in the order of pictures,
//     then of detections; the `most` best of a picture and label;
//   - a crowd overlaps by intersection over the detection's area; detections that it or VOC's
//     difficult objects take are left out of all counts, however many, and so are these objects
//     (difficult overlaps by IoU; a detection prefers objects that count);
//   - precision is what is best at this recall or a higher one, its mean over the 101 recalls
//     k * 0.01 (the doubles that NumPy's linspace gives: found / all, compared with 35 * 0.01 =
//     0.35000000000000003, is not yet there at 7 of 20);
//   - labels without ground truth have no average precision and take no part in means; a picture
//     without objects can only hold wrong detections.
#pragma once
#include <array>
#include <vector>

#include "cairn/data/box.h"

namespace cairn::metrics {

std::vector<double> coco_thresholds();  // 0.5, 0.55, ..., 0.95

struct DetectionOptions {
  std::vector<double> thresholds = coco_thresholds();  // of IoU
  size_t most = 100;                                   // detections of a picture and label
  // Objects of another area are left out, and so are detections of another area that take none.
  double least_area = 0, most_area = 1e10;
};

// What precision falls to as more is found, at one threshold and label.
struct PrecisionRecall {
  int64_t objects = 0;                            // that count; 0: no average precision
  std::vector<double> recall, precision, scores;  // after each detection that counts, best first
  double average = -1;                            // over the 101 recalls; -1: no objects
};

// Means are -1 where nothing has ground truth, as in pycocotools.
struct AveragePrecision {
  double map = -1;                   // over labels and thresholds
  double map50 = -1, map75 = -1;     // of these thresholds, when they are among them
  double recall = -1;                // the highest, mean over labels and thresholds
  std::vector<double> per_label;     // mean over thresholds
  std::vector<double> per_label_50;  // at 0.5
};

class DetectionMetrics {
 public:
  explicit DetectionMetrics(size_t labels) : labels_(labels) {}
  // A picture more. Throws Error for labels outside, and for boxes and scores that are no numbers.
  void add(std::vector<data::GroundTruth> truth, std::vector<data::Detection> found);
  size_t pictures() const { return truth_.size(); }

  AveragePrecision average_precision(const DetectionOptions& options = {}) const;
  PrecisionRecall precision_recall(int64_t label, double threshold,
                                   const DetectionOptions& options = {}) const;

 private:
  size_t labels_;
  std::vector<std::vector<data::GroundTruth>> truth_;
  std::vector<std::vector<data::Detection>> found_;
};

}  // namespace cairn::metrics
