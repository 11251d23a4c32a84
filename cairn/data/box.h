// Boxes in pictures: upright rectangles in pixels, as annotations and detections have them.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cairn::data {

// Corners in pixels from the picture's upper left one; x2 and y2 lie behind the last pixel, so that
// a width is x2 - x1 with no pixel added. Not rounded.
struct Box {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  double width() const { return x2 - x1; }
  double height() const { return y2 - y1; }
  double area() const { return width() * height(); }
  bool operator==(const Box&) const = default;
};
double intersection(const Box& a, const Box& b);  // the area that both cover
// Intersection over union (Jaccard 1912), in double; 0 where the boxes share no area.
double box_iou(const Box& a, const Box& b);
// The part of `box` inside a picture of this size; without area when there is none.
Box clipped(const Box& box, double width, double height);

// What is in a picture.
struct GroundTruth {
  Box box;
  int64_t label = 0;
  bool crowd = false;               // COCO: a box around many; detections inside it do not count
  bool difficult = false;           // VOC: to find it neither helps nor harms
  std::optional<double> area = {};  // COCO's: of the outline; else that of the box
};

// What a network finds.
struct Detection {
  Box box;
  int64_t label = 0;
  double score = 0;
};
// Places by falling score; equal scores stay in their order.
std::vector<size_t> by_score(std::span<const Detection> detections);

// Non-maximum suppression, by label: a detection goes when its IoU with a better one of its label
// that stays is *larger* than `threshold`; at equality it stays. Computed in double, so that a
// threshold of 0.6 keeps boxes that share 3 of 5 parts (single precision drops them). Result by
// falling score, `most` at most.
std::vector<Detection> non_maximum_suppression(std::span<const Detection> detections,
                                               double threshold, size_t most = SIZE_MAX);

}  // namespace cairn::data
