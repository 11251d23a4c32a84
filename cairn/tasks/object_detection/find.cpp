#include <algorithm>
#include <cmath>

#include "cairn/base/round.h"
#include "cairn/dist/share_out.h"
#include "cairn/metrics/detection.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/object_detection/task.h"

namespace cairn::tasks::object_detection {
namespace {

using data::Box, data::Detection;

constexpr int64_t kBatch = 8;
constexpr size_t kCandidates = 1000;  // the best of a picture, before suppression

// Of one picture: scores [points, classes] and boxes [points, 4].
std::vector<Detection> candidates(const float* scores, const float* boxes, size_t points,
                                  int64_t classes, double least_score) {
  std::vector<Detection> all;
  for (size_t i = 0; i < points; ++i, scores += classes, boxes += 4)
    for (int64_t c = 0; c < classes; ++c)
      if (scores[c] >= least_score)
        all.push_back({{boxes[0], boxes[1], boxes[2], boxes[3]}, c, scores[c]});
  if (all.size() <= kCandidates) return all;
  std::vector<Detection> best;
  for (size_t place : data::by_score(all))
    if (best.size() < kCandidates) best.push_back(all[place]);
  return best;
}

}  // namespace

void write_planes(const io::Image& image, float* planes) {
  const size_t plane = size_t(image.width) * image.height;
  for (size_t i = 0; i < plane; ++i)
    for (size_t c = 0; c < 3; ++c)
      planes[c * plane + i] = (static_cast<float>(image.pixels[3 * i + c]) - 115) / 60;
}

Tensors scores_and_boxes(const models::Detector& network, const Tensor& pictures, int64_t classes,
                         std::span<const models::DetectorPoint> points) {
  const Tensor out = network(pictures);
  return {sigmoid(slice(out, 2, 0, classes)), models::boxes_of(out, points)};
}

Finder::Finder(models::Detector network, int64_t classes, int width, int height)
    : classes_(classes),
      width_(width),
      height_(height),
      points_(models::Detector::points(height, width)),
      forward_([network, classes, points = points_](std::span<const Tensor> in) {
        return scores_and_boxes(network, in[0], classes, points);
      }) {}

std::vector<std::vector<Detection>> Finder::find(std::span<const io::Image> pictures,
                                                 const FindOptions& options) {
  const NoGrad no_grad;
  const auto count = static_cast<int64_t>(pictures.size());
  const size_t values = size_t{3} * width_ * height_;
  std::vector<float> planes(pictures.size() * values);
  for (size_t i = 0; i < pictures.size(); ++i)
    write_planes(
        data::letterboxed({"", io::with_channels(pictures[i], 3), {}}, width_, height_).image,
        &planes[i * values]);
  const Tensor x = from_host(planes.data(), {count, 3, height_, width_}, DType::f32);
  const Tensors out = forward_.call({&x, 1});
  const auto scores = out[0].to_vector<float>(), boxes = out[1].to_vector<float>();
  std::vector<std::vector<Detection>> all;
  for (size_t i = 0; i < pictures.size(); ++i) {
    const double w = pictures[i].width, h = pictures[i].height;
    const double scale = data::scale_to_fit(pictures[i].width, pictures[i].height, width_, height_);
    const size_t first = i * points_.size();
    auto found = candidates(&scores[first * static_cast<size_t>(classes_)], &boxes[first * 4],
                            points_.size(), classes_, options.least_score);
    for (Detection& d : found)
      d.box = data::clipped(
          {d.box.x1 / scale, d.box.y1 / scale, d.box.x2 / scale, d.box.y2 / scale}, w, h);
    std::erase_if(found, [](const Detection& d) { return !(d.box.area() > 0); });
    all.push_back(data::non_maximum_suppression(found, options.overlap, options.most));
  }
  return all;
}

std::vector<Found> find_all(Finder& finder, const data::DetectionDataset& set) {
  const int64_t count = set->size();
  std::vector<Found> all(static_cast<size_t>(count));
  const auto find_some = [&](int64_t number) {
    const int64_t first = number * kBatch;
    std::vector<io::Image> pictures;
    for (int64_t i = first; i < std::min(count, first + kBatch); ++i) {
      Found& one = all[static_cast<size_t>(i)];
      one.picture = set->get(i);
      pictures.push_back(std::move(one.picture.image));
    }
    auto found = finder.find(pictures);
    for (size_t k = 0; k < found.size(); ++k)
      all[static_cast<size_t>(first) + k].detections = std::move(found[k]);
  };
  const auto pass = [&](int64_t number, dist::Parcel& parcel) {
    for (int64_t i = number * kBatch; i < std::min(count, (number + 1) * kBatch); ++i) {
      Found& one = all[static_cast<size_t>(i)];
      parcel.pass(one.picture.file), parcel.pass(one.picture.objects);
      parcel.pass(one.detections);
    }
  };
  dist::share_out(ceil_div(count, kBatch), find_some, pass);
  return all;
}

Json measured(const std::vector<Found>& found, const std::vector<std::string>& classes) {
  metrics::DetectionMetrics metrics(classes.size());
  for (const Found& f : found) metrics.add(f.picture.objects, f.detections);
  const auto ap = metrics.average_precision();
  const auto there = [](double value) { return value < 0 ? Json() : Json(value); };
  Json per_class = Json::object();
  for (size_t k = 0; k < classes.size(); ++k)
    per_class[classes[k]] = {{"map50", there(ap.per_label_50[k])}, {"map", there(ap.per_label[k])}};
  return {{"examples", found.size()}, {"loss", 1 - std::max(0.0, ap.map50)},
          {"map50", there(ap.map50)}, {"map", there(ap.map)},
          {"map75", there(ap.map75)}, {"recall", there(ap.recall)},
          {"per_class", per_class}};
}

std::string in_words(const Json& r) {
  if (!r["map50"].is_number()) return "no objects to find";
  return fmt::format("mAP@0.5 {:.4f}, mAP@0.5:0.95 {:.4f}", r["map50"].get<double>(),
                     r["map"].get<double>());
}

}  // namespace cairn::tasks::object_detection
