// Video classification: learn what happens in short videos, measure how often it is right, name
// what happens in a new one.
#pragma once
#include "cairn/compile/compile.h"
#include "cairn/data/clips.h"
#include "cairn/models/video.h"
#include "cairn/tasks/task.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::video_classification {

using train::Open, train::Option, train::Use, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "video-classification";
inline constexpr int64_t kUsualFolds = 10;

struct Options : train::SupervisedOptions {
  Options() {
    batch.usual(12), lr.usual(2e-3), weight_decay.usual(5e-2), ema.usual(0.99);
    val_split.usual(0.2), epochs.usual(80), eval_every.says("a 20th of all");
    group("Videos");
  }
  train::DataOption data{this, "moves",
                         "Videos: a folder for each class with files or folders of frames; or a "
                         "folder with clips.tsv, or with clips-idx4-ubyte; 'moves' are drawn"};
  Option<std::string> model{this, "model", "r2plus1d", one_of(models::video_classifier_names()),
                            "Network"};
  Option<int64_t> width{this, "width", 16, whole(1, 1024), "Channels of the first layers"};
  Option<double> dropout{this, "dropout", 0.5, between(0, 0.9), "Part of the features dropped"};
  Option<int64_t> frames{this, "frames", Open{"24; as stored"}, whole(2, 1024),
                         "Read from each video, evenly spread over its time"};
  Option<int64_t> window{this, "window", Open{"two thirds of them"}, whole(2, 1024),
                         "Frames that the network sees at once"};
  Option<int64_t> image_height{this, "image_height", Open{"theirs; no side above 80"},
                               whole(8, 1024), "Of the frames"};
  Option<int64_t> image_width{this, "image_width", Open{"theirs; no side above 80"}, whole(8, 1024),
                              "Of the frames"};
  Option<bool> skip_bad{
      this,           "skip_bad", false, {}, "Leave out videos that are damaged, and count them",
      Use::changeable};
  Option<std::string> folds{this, "folds", "",
                            "Leave one group out: train once for each value of this column of "
                            "clips.tsv without its videos, then with all ('clip': any videos)"};
  Option<int64_t> fold_count{this, "fold_count", kUsualFolds, whole(2, 1000),
                             "Folds at most; of more groups several make one"};
  Option<double> label_smoothing{this, "label_smoothing", 0.1, between(0, 0.99),
                                 "Part of a target that is spread over all classes"};
  Option<bool> flip{this, "flip", true, {}, "Mirror half of the clips; at the end look at both"};
  Option<double> scale{this, "scale", 0.15, between(0, 0.9),
                       "Make larger or smaller by up to this part"};
  Option<double> shift{this, "shift", 0.08, between(0, 0.9), "Shift by up to this part of a side"};
  Option<double> contrast{this, "contrast", 0.3, between(0, 0.9),
                          "Change contrast and brightness by up to this part"};
  Option<double> cutout{this, "cutout", 0.25, between(0, 1),
                        "Cover a square with this part of the smaller side in all frames"};
  // Facts: names; channels, frames, height, width; which fold was left out.
  Option<std::vector<std::string>> classes{this, "classes"};
  Option<std::vector<int64_t>> shape{this, "shape"};
  Option<int64_t> fold{this, "fold"};

  data::ClipShape clip_shape() const {
    const auto side = [&](size_t i) { return static_cast<int>((*shape)[i]); };
    return {side(0), side(1), side(2), side(3)};
  }
  data::ClipOptions how() const;
};

// Which clips are to learn from, and which were held back (of folds: the one that was left out).
// Groups stay together. Throws InvalidOption where one part is empty.
data::TwoParts parts_of(const data::ClipSet& set, const Options& o);
// The fold of each clip; how many there are.
std::vector<int64_t> folds_of(const data::ClipSet& set, const Options& o);

// Clips [count, channels, frames, height, width], values from 0 to 1.
Tensor tensor_of(const data::ClipSet& set, std::span<const int64_t> places);
Tensor tensor_of(const io::ByteVector& pixels, const data::ClipShape& shape);

// The network with what it is asked: classes' probabilities of whole clips, the mean over windows
// (and mirror images).
Tensor probabilities_of(const nn::AnyModule& network, const Tensor& clips, const Options& o);
class Meter {
 public:
  Meter(const nn::AnyModule& network, const Options& options);
  std::vector<std::vector<float>> probabilities(const data::ClipSet& set,
                                                const std::vector<int64_t>& places);
  // {examples, loss, accuracy, f1, confusion, classes}, in evaluation mode.
  Json measure(const data::ClipSet& set, const std::vector<int64_t>& places);

 private:
  std::vector<std::string> classes_;
  CompiledFunction forward_;
};
std::string in_words(const Json& measured);

Json train(Options options);

class Classifier : public Model {
 public:
  explicit Classifier(const train::SavedModel& saved);
  nn::Module& network() override { return *network_; }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return {"probabilities"}; }
  Tensors forward(std::span<const Tensor> in) override {
    return {probabilities_of(network_, in[0], options_)};
  }
  Tensors read(const std::string& file) override;
  std::vector<std::string> labels() const override { return options_.classes; }

  const Options& options() const { return options_; }
  Meter& meter() { return meter_; }
  // With the classes of the run; `source` "": its own data.
  data::ClipSet open(const std::string& source) const;

 private:
  Options options_;
  nn::AnyModule network_;
  Meter meter_;
};
// Each fold's network on the videos that it never saw: {examples, accuracy, ..., folds: [...]}.
Json measure_folds(const std::string& run, const data::ClipSet& set, const Options& o);

void report(train::report::Page& page, Classifier& classifier, const train::report::Lines& log);

}  // namespace cairn::tasks::video_classification
