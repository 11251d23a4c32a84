// Losses between boxes against the papers' formulas in double, and at the edges.
#include "cairn/nn/box_loss.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>

#include "cairn/autograd/autograd.h"
#include "cairn/base/philox.h"
#include "cairn/ops/functions.h"
#include "tests/io/temporary_folder.h"

namespace cairn::nn {
namespace {

using Four = std::array<double, 4>;
struct Parts {
  double iou, joined, across, down;
};
Parts parts_of(const Four& a, const Four& b) {
  const double w = std::max(0.0, std::min(a[2], b[2]) - std::max(a[0], b[0]));
  const double h = std::max(0.0, std::min(a[3], b[3]) - std::max(a[1], b[1]));
  const double joined = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h;
  return {w * h / joined, joined, std::max(a[2], b[2]) - std::min(a[0], b[0]),
          std::max(a[3], b[3]) - std::min(a[1], b[1])};
}
double giou_of(const Four& a, const Four& b) {
  const Parts p = parts_of(a, b);
  return 1 - p.iou + (p.across * p.down - p.joined) / (p.across * p.down);
}
double ciou_of(const Four& a, const Four& b) {
  const Parts p = parts_of(a, b);
  const double dx = (a[0] + a[2] - b[0] - b[2]) / 2, dy = (a[1] + a[3] - b[1] - b[3]) / 2;
  const double form =
      std::atan((b[2] - b[0]) / (b[3] - b[1])) - std::atan((a[2] - a[0]) / (a[3] - a[1]));
  const double v = 4 / (std::numbers::pi * std::numbers::pi) * form * form;
  const double weight = v > 0 ? v / (1 - p.iou + v) : 0;
  return 1 - p.iou + (dx * dx + dy * dy) / (p.across * p.across + p.down * p.down) + weight * v;
}

Tensor boxes_of(const std::vector<Four>& all) {
  std::vector<double> values;
  for (const Four& b : all) values.insert(values.end(), b.begin(), b.end());
  return tensor(values, {static_cast<int64_t>(all.size()), 4});
}

using Loss = Tensor (*)(In, const Tensor&, double);

std::vector<Four> random_boxes(uint64_t seed) {
  PhiloxStream random(seed);
  std::vector<Four> all;
  for (int i = 0; i < 40; ++i) {
    const double x = random.uniform(0, 60), y = random.uniform(0, 60);
    all.push_back({x, y, x + random.uniform(1, 40), y + random.uniform(1, 40)});
  }
  return all;
}

TEST(BoxLoss, AsThePapersSay) {
  const auto a = random_boxes(1), b = random_boxes(2);
  const auto giou = generalized_box_iou_loss(boxes_of(a), boxes_of(b)).to_vector<double>();
  const auto ciou = complete_box_iou_loss(boxes_of(a), boxes_of(b)).to_vector<double>();
  const auto iou = paired_box_iou(boxes_of(a), boxes_of(b)).to_vector<double>();
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_NEAR(iou[i], parts_of(a[i], b[i]).iou, 1e-12) << i;
    EXPECT_NEAR(giou[i], giou_of(a[i], b[i]), 1e-9) << i;
    EXPECT_NEAR(ciou[i], ciou_of(a[i], b[i]), 1e-9) << i;
  }
  for (const Loss loss : {generalized_box_iou_loss, complete_box_iou_loss}) {
    const auto same = loss(boxes_of(a), boxes_of(a), 1e-7).to_vector<double>();
    for (double v : same) EXPECT_NEAR(v, 0, 1e-12);
  }
}

TEST(BoxLoss, GradientOfTheGeneralizedOneIsItsSlope) {
  const auto a = random_boxes(3), b = random_boxes(4);
  Tensor x = parameter(boxes_of(a));
  const auto slope =
      grad({sum(generalized_box_iou_loss(x, boxes_of(b)))}, {x})[0].to_vector<double>();
  constexpr double kStep = 1e-6;
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t k = 0; k < 4; ++k) {
      Four up = a[i], down = a[i];
      up[k] += kStep, down[k] -= kStep;
      EXPECT_NEAR(slope[4 * i + k], (giou_of(up, b[i]) - giou_of(down, b[i])) / (2 * kStep), 1e-6);
    }
}

// Points, lines, equal or far, inverted, huge: numbers everywhere, in single precision too.
TEST(BoxLoss, FiniteAtTheEdges) {
  const std::vector<Four> edges = {{5, 5, 5, 5},       {5, 5, 5, 9},      {5, 5, 9, 5},
                                   {0, 0, 10, 10},     {9, 9, 3, 3},      {0, 0, 0, 0},
                                   {-4, -4, 1e4, 1e4}, {0, 0, 1e-9, 1e-9}};
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Loss loss : {generalized_box_iou_loss, complete_box_iou_loss})
      for (const Four& from : edges)
        for (const Four& to : edges) {
          Tensor x = parameter(cast(boxes_of({from}), dtype));
          const Tensor value = loss(x, cast(boxes_of({to}), dtype), 1e-7);
          ASSERT_TRUE(std::isfinite(value.item()));
          EXPECT_GE(value.item(), -1e-5);
          EXPECT_LE(value.item(), 4);
          const Tensor slope = cast(grad({sum(value)}, {x})[0], DType::f64);
          for (double s : slope.to_vector<double>()) ASSERT_TRUE(std::isfinite(s));
        }
}

TEST(BoxLoss, SaysWhichShapes) {
  EXPECT_ERROR(generalized_box_iou_loss(zeros({3, 4}), zeros({2, 4})), "must be [N, 4]");
  EXPECT_ERROR(complete_box_iou_loss(zeros({3, 5}), zeros({3, 5})), "must be [N, 4]");
  EXPECT_EQ(generalized_box_iou_loss(zeros({0, 4}), zeros({0, 4})).numel(), 0);
}

}  // namespace
}  // namespace cairn::nn
