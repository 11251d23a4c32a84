#include "cairn/models/detector.h"

#include <cmath>

#include "cairn/base/error.h"
#include "cairn/nn/box_loss.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

constexpr double kPrior = 0.01;  // of every class at every point, at first (Lin et al. 2017)
constexpr double kBoxWeight = 2;
constexpr double kLargestExponent = 5;  // of a distance: 148 times where it begins

nn::Sequential conv_norm(int64_t in, int64_t out, int64_t stride = 1) {
  return nn::Sequential(nn::Conv2d(in, out, 3, {.stride = stride, .padding = 1, .bias = false}),
                        nn::BatchNorm2d(out), nn::ReLU());
}

nn::Sequential branch(int64_t width, int64_t out, double bias) {
  const nn::Conv2d last(width, out, 3, {.padding = 1});
  assign(last.weight, nn::init::normal(last.weight.shape(), 0, 0.01));
  assign(last.bias, nn::init::constant(last.bias.shape(), bias));
  return nn::Sequential(conv_norm(width, width), conv_norm(width, width), last);
}

}  // namespace

Detector::Detector(int64_t classes, int64_t width)
    : classes_(classes),
      stem(child("stem", nn::Sequential(conv_norm(3, width, 2), conv_norm(width, 2 * width, 2)))),
      stage3(child("stage3", nn::Sequential(BasicBlock(2 * width, 4 * width, 2),
                                            BasicBlock(4 * width, 4 * width, 1)))),
      stage4(child("stage4", nn::Sequential(BasicBlock(4 * width, 8 * width, 2),
                                            BasicBlock(8 * width, 8 * width, 1)))),
      stage5(child("stage5", nn::Sequential(BasicBlock(8 * width, 8 * width, 2)))),
      lateral(child("lateral", nn::ModuleList<nn::Conv2d>())),
      smooth(child("smooth", nn::ModuleList<nn::Sequential>())),
      scores(child("scores", nn::ModuleList<nn::Sequential>())),
      sides(child("sides", nn::ModuleList<nn::Sequential>())) {
  const int64_t neck = 8 * ((3 * width + 7) / 8);
  for (const int64_t in : {4 * width, 8 * width, 8 * width}) {
    lateral.push_back(nn::Conv2d(in, neck, 1));
    smooth.push_back(conv_norm(neck, neck));
    scores.push_back(branch(neck, classes, -std::log((1 - kPrior) / kPrior)));
    sides.push_back(branch(neck, 4, 0));
  }
}

Tensor Detector::head(const Tensor& features, size_t level) {
  const Tensor logits = scores[level](features);
  const auto unit = static_cast<double>(2 * kStrides[level]);
  const Tensor distances = exp(clamp_max(sides[level](features), kLargestExponent)) * unit;
  return permute(flatten(cat({logits, distances}, 1), 2), {0, 2, 1});
}

Tensor Detector::forward(Tensor x) {
  check(x.size(2) % kSide == 0 && x.size(3) % kSide == 0,
        "Detector: a picture of {} x {}; both sides must be divisible by {}", x.size(3), x.size(2),
        kSide);
  const Tensor third = stage3(stem(x)), fourth = stage4(third), fifth = stage5(fourth);
  const Tensor top = lateral[2](fifth);
  const Tensor middle = lateral[1](fourth) + interpolate(top, {.scale = {2}});
  const Tensor low = lateral[0](third) + interpolate(middle, {.scale = {2}});
  Tensors levels;
  for (size_t k = 0; const Tensor& t : {low, middle, top})
    levels.push_back(head(smooth[k](t), k)), ++k;
  return cat(levels, 1);
}

std::vector<DetectorPoint> Detector::points(int64_t height, int64_t width) {
  std::vector<DetectorPoint> all;
  for (const int64_t stride : kStrides)
    for (int64_t y = 0; y < height / stride; ++y)
      for (int64_t x = 0; x < width / stride; ++x) {
        const auto s = static_cast<float>(stride);
        all.push_back({(static_cast<float>(x) + 0.5f) * s, (static_cast<float>(y) + 0.5f) * s, s});
      }
  return all;
}

Tensor boxes_of(const Tensor& out, std::span<const DetectorPoint> points) {
  std::vector<float> from;
  for (const DetectorPoint& p : points) from.insert(from.end(), {p.x, p.y, p.x, p.y});
  const Tensor origin = tensor(from, {1, static_cast<int64_t>(points.size()), 4});
  return origin + slice(out, 2, out.size(2) - 4, 4) * tensor({-1, -1, 1, 1});
}

Tensor points_with_objects(const Tensor& label, int64_t classes) {
  return cast(lt(label, static_cast<double>(classes)), DType::f32);
}

Tensor detection_loss(const Tensor& out, const Tensor& label, const Tensor& box,
                      const Tensor& weight, std::span<const DetectorPoint> points) {
  const int64_t count = out.size(0), places = out.size(1), classes = out.size(2) - 4;
  const Tensor boxes = reshape(boxes_of(out, points), {-1, 4});
  const Tensor wanted = reshape(box, {-1, 4});
  const Tensor here = points_with_objects(label, classes);
  const Tensor objects = clamp_min(sum(here), 1);

  const Tensor iou = reshape(nn::paired_box_iou(boxes.detach(), wanted), {count, places, 1});
  const Tensor quality = slice(one_hot(label, classes + 1), 2, 0, classes) * iou;
  const Tensor logits = slice(out, 2, 0, classes);
  const Tensor focal = square(quality - sigmoid(logits)) *
                       binary_cross_entropy_with_logits(logits, quality, Reduction::none) *
                       unsqueeze(weight, 2);
  const Tensor placed = nn::generalized_box_iou_loss(boxes, wanted) * reshape(here, {-1});
  return (sum(focal) + kBoxWeight * sum(placed)) / objects;
}

}  // namespace cairn::models
