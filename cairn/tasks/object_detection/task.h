// Object detection: learn to find what is in pictures and where, measure it by COCO's rules, mark
// it in pictures. The network is models/detector.h, which says why it is this one.
#pragma once
#include "cairn/compile/compile.h"
#include "cairn/data/detection_splits.h"
#include "cairn/data/detection_view.h"
#include "cairn/metrics/detection.h"
#include "cairn/models/detector.h"
#include "cairn/tasks/task.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::object_detection {

using train::Open, train::Option, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "object-detection";

struct Options : train::SupervisedOptions {
  Options() {
    batch.usual(8), lr.usual(1e-3), weight_decay.usual(0.05), clip.usual(10), ema.usual(0.998);
    epochs.usual(100), eval_every.says("a 25th of all, at least an epoch");
    val_split.says("the files' own, else 0.15");
  }
  train::DataOption data{this, "shapes",
                         "Pictures with boxes: a folder as Pascal VOC, COCO or YOLO have it; "
                         "'shapes' draws its own"};
  Option<int64_t> image_size{this, "image_size", Open{"the pictures', at most 384"},
                             whole(32, 2048),
                             "Longer side to which pictures are scaled, a multiple of 32"};
  Option<int64_t> width{this, "width", 24, whole(1, 1024), "Channels of the first layer"};
  Option<double> mosaic{this, "mosaic", 0.5, between(0, 1),
                        "Part of the views that show four pictures"};
  Option<double> scale{this, "scale", 0.5, between(0, 0.9),
                       "Pictures become larger or smaller by up to this part"};
  Option<bool> flip{this, "flip", true, "Mirror half of the pictures"};
  Option<bool> flip_vertical{this, "flip_vertical", false, "Turn half of the pictures upside down"};
  Option<double> light{this, "light", 0.2, between(0, 0.9),
                       "Change brightness and contrast by up to this part"};
  // What the data are.
  Option<std::vector<std::string>> classes{this, "classes"};
  Option<std::vector<int64_t>> shape{this, "shape"};  // width, height of what the network sees

  int view_width() const { return static_cast<int>((*shape)[0]); }
  int view_height() const { return static_cast<int>((*shape)[1]); }
  data::ViewOptions view() const;
  // The data: those of the training ("") or others, with the network's classes once there are any.
  data::DetectionSplits open(const std::string& source = "") const {
    return data::open_detection_splits(source.empty() ? *data : source, classes,
                                       val_split.is_open() ? 0 : *val_split, seed);
  }
};

// What the network is to say of a picture: the points of an object are those whose squares around
// (4 strides wide) overlap it unusually much among the nearest of each level (ATSS, Zhang et al.
// 2020): a rule without thresholds, the same for all sizes.
struct Targets {
  std::vector<int64_t> label;  // of each point; the number of classes: nothing is there
  std::vector<float> box;      // 4 a point
  std::vector<float> weight;   // of the scores; 0 on crowds and difficult objects
};
Targets targets_of(std::span<const data::GroundTruth> objects,
                   std::span<const models::DetectorPoint> points, int64_t classes);
// Whether a box (pixels of the network's input) has a point of the finest grid in it; one that has
// none is the target of no point.
bool holds_a_point(const data::Box& box);

// Scores [N, points, classes] and boxes of pictures [N, 3, height, width].
Tensors scores_and_boxes(const models::Detector& network, const Tensor& pictures, int64_t classes,
                         std::span<const models::DetectorPoint> points);

// A picture as the network takes it: three planes, about in [-2, 2].
void write_planes(const io::Image& image, float* planes);

struct FindOptions {
  double least_score = 0.01, overlap = 0.6;  // overlap: IoU above which the better one stays
  size_t most = 100;
};
// Finds objects with a network, compiled once.
class Finder {
 public:
  Finder(models::Detector network, int64_t classes, int width, int height);
  // In pixels of each picture, by falling score.
  std::vector<std::vector<data::Detection>> find(std::span<const io::Image> pictures,
                                                 const FindOptions& options = {});

 private:
  int64_t classes_;
  int width_, height_;
  std::vector<models::DetectorPoint> points_;
  CompiledFunction forward_;
};

// What was found in every picture of a set, and what is there.
struct Found {
  data::LabelledPicture picture;  // without pixels
  std::vector<data::Detection> detections;
};
std::vector<Found> find_all(Finder& finder, const data::DetectionDataset& set);
// {examples, loss (1 - map50), map50, map, map75, recall, per_class: {NAME: {map50, map}}}; null
// where nothing has ground truth.
Json measured(const std::vector<Found>& found, const std::vector<std::string>& classes);
std::string in_words(const Json& measured);

Json train(Options options);

class ObjectDetector : public Model {
 public:
  explicit ObjectDetector(const train::SavedModel& saved);
  nn::Module& network() override { return network_; }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;  // pictures, scaled to fit into the upper left corner
  std::vector<std::string> gives() const override { return {"scores", "boxes"}; }
  Tensors forward(std::span<const Tensor> in) override;
  Tensors read(const std::string& file) override;
  std::vector<std::string> labels() const override { return options_.classes; }

  const Options& options() const { return options_; }
  const std::vector<std::string>& classes() const { return options_.classes; }
  Finder& finder() { return finder_; }
  // `split`: train, validation or test; `source` "": the training's data.
  data::DetectionDataset open(const std::string& source, const std::string& split) const;

 private:
  Options options_;
  models::Detector network_;
  Finder finder_;
};

// Boxes as frames, a colour a label.
io::Image with_boxes(io::Image picture, std::span<const data::Detection> boxes);
std::string colour_name(int64_t label);

void report(train::report::Page& page, ObjectDetector& detector, const train::report::Lines& log);

}  // namespace cairn::tasks::object_detection
