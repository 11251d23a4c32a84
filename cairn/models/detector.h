// A single-stage, anchor-free detector: at every point of three grids the scores of all classes and
// the distances to the four sides of a box. Residual backbone (He et al. 2016), feature pyramid
// (Lin et al. 2017, arXiv:1612.03144), heads of distances as in FCOS (Tian et al. 2019).
//
// Why this one: no anchors to be fitted to the data, no second stage, nothing random in the
// assignment; ordinary 3x3 convolutions, which processors are fast at (depthwise ones are not). The
// heads are of each level alone, as in YOLOX (Ge et al. 2021): a batch norm shared by levels mixes
// their statistics. No branch says how well a box is placed (FCOS's centre-ness): the scores
// themselves are trained to say it (quality focal loss, Li et al. 2020).
#pragma once
#include <span>
#include <vector>

#include "cairn/models/cnn.h"

namespace cairn::models {

struct DetectorPoint {
  float x, y, stride;  // in pixels of the input
};

// x [N, 3, height, width], sides divisible by 32 -> [N, points, classes + 4]: logits, then the
// distances to the left, upper, right and lower side in pixels, all above 0. Throws Error for other
// sides.
struct Detector : nn::Module {
  explicit Detector(int64_t classes, int64_t width = 24);
  Tensor forward(Tensor x) override;

  static constexpr int64_t kStrides[] = {8, 16, 32};
  static constexpr int64_t kSide = 32;  // what both sides are divisible by
  // In the order of the output: by level, rows, columns.
  static std::vector<DetectorPoint> points(int64_t height, int64_t width);

 private:
  Tensor head(const Tensor& features, size_t level);

  int64_t classes_;
  nn::Sequential stem, stage3, stage4, stage5;
  nn::ModuleList<nn::Conv2d> lateral;
  nn::ModuleList<nn::Sequential> smooth, scores, sides;
};

// What the network says, out [N, points, classes + 4], as boxes: [N, points, 4], x1 y1 x2 y2 in
// pixels of its input.
Tensor boxes_of(const Tensor& out, std::span<const DetectorPoint> points);
// Quality focal loss (Li et al. 2020: focal loss, Lin et al. 2017, whose target is the IoU of the
// box) plus twice the GIoU loss, over the number of points with objects. out [N, points, classes +
// 4]; label [N, points] i64, classes where nothing is; box [N, points, 4], weight [N, points].
Tensor detection_loss(const Tensor& out, const Tensor& label, const Tensor& box,
                      const Tensor& weight, std::span<const DetectorPoint> points);
// What that loss is over: 1 at points with objects, else 0, of the labels' shape.
Tensor points_with_objects(const Tensor& label, int64_t classes);

}  // namespace cairn::models
