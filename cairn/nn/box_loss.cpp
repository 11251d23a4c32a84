#include "cairn/nn/box_loss.h"

#include <numbers>

#include "cairn/base/error.h"
#include "cairn/ops/functions.h"
#include "cairn/tensor/shape.h"

namespace cairn::nn {
namespace {

struct Corners {
  explicit Corners(const Tensor& boxes)
      : x1(select(boxes, 1, 0)),
        y1(select(boxes, 1, 1)),
        x2(select(boxes, 1, 2)),
        y2(select(boxes, 1, 3)) {}
  Tensor width() const { return clamp_min(x2 - x1, 0); }
  Tensor height() const { return clamp_min(y2 - y1, 0); }
  Tensor x1, y1, x2, y2;
};

void check_boxes(const char* loss, const Tensor& boxes, const Tensor& target) {
  check(boxes.rank() == 2 && boxes.size(1) == 4 && boxes.shape() == target.shape(),
        "{}: boxes {} and targets {}; both must be [N, 4]", loss, to_string(boxes.shape()),
        to_string(target.shape()));
}

// From the least of the coordinates to the largest, whichever way round a box is.
Tensor extent(const Tensor& a1, const Tensor& a2, const Tensor& b1, const Tensor& b2) {
  return maximum(maximum(a1, a2), maximum(b1, b2)) - minimum(minimum(a1, a2), minimum(b1, b2));
}

struct Overlap {
  Tensor iou, both;     // `both`: area of the union
  Tensor across, down;  // sides of the box around both
};

// The quotients' divisors are never below eps: nothing is divided by 0, here or in gradients.
Overlap overlap_of(const Corners& a, const Corners& b, double eps) {
  const Tensor w = clamp_min(minimum(a.x2, b.x2) - maximum(a.x1, b.x1), 0);
  const Tensor h = clamp_min(minimum(a.y2, b.y2) - maximum(a.y1, b.y1), 0);
  const Tensor shared = w * h;
  const Tensor all = a.width() * a.height() + b.width() * b.height() - shared;
  return {shared / clamp_min(all, eps), all, extent(a.x1, a.x2, b.x1, b.x2),
          extent(a.y1, a.y2, b.y1, b.y2)};
}

// atan(width / height).
Tensor form_of(const Corners& c, double eps) {
  return atan(clamp_min(c.width(), eps) / clamp_min(c.height(), eps));
}

}  // namespace

Tensor paired_box_iou(In boxes, const Tensor& target, double eps) {
  check_boxes("paired_box_iou", boxes, target);
  return overlap_of(Corners(boxes), Corners(target), eps).iou;
}

Tensor generalized_box_iou_loss(In boxes, const Tensor& target, double eps) {
  check_boxes("generalized_box_iou_loss", boxes, target);
  const Overlap o = overlap_of(Corners(boxes), Corners(target), eps);
  const Tensor around = o.across * o.down;
  return 1 - o.iou + (around - o.both) / clamp_min(around, eps);
}

Tensor complete_box_iou_loss(In boxes, const Tensor& target, double eps) {
  check_boxes("complete_box_iou_loss", boxes, target);
  const Corners a(boxes), b(target);
  const Overlap o = overlap_of(a, b, eps);
  const Tensor diagonal = square(o.across) + square(o.down);
  const Tensor apart = square(a.x1 + a.x2 - b.x1 - b.x2) + square(a.y1 + a.y2 - b.y1 - b.y2);
  const Tensor form =
      square(form_of(b, eps) - form_of(a, eps)) * (4 / (std::numbers::pi * std::numbers::pi));
  const Tensor weight = (form / clamp_min(1 - o.iou + form, eps)).detach();
  return 1 - o.iou + apart / clamp_min(4 * diagonal, eps) + weight * form;
}

}  // namespace cairn::nn
