// Losses between boxes [N, 4] as x1 y1 x2 y2, one number a box [N]; no box gives NaN, nor does its
// gradient: boxes without area, equal points, inverted and far ones included. Throw Error for other
// shapes.
#pragma once
#include "cairn/ops/op.h"

namespace cairn::nn {

// Intersection over union of each box with the one of its row; 0 where both have no area.
Tensor paired_box_iou(In boxes, const Tensor& target, double eps = 1e-7);

// 1 - IoU + the part of the smallest box around both that neither covers (Rezatofighi et al. 2019):
// 0 for equal boxes with area, toward 2 for far ones, which the plain IoU gives no gradient.
Tensor generalized_box_iou_loss(In boxes, const Tensor& target, double eps = 1e-7);

// 1 - IoU + the squared distance of centres in diagonals of the box around both + a term for the
// form, width to height (Zheng et al. 2020; the weight of that term carries no gradient, as there).
// Sides below `eps` count as `eps` in the form.
Tensor complete_box_iou_loss(In boxes, const Tensor& target, double eps = 1e-7);

}  // namespace cairn::nn
