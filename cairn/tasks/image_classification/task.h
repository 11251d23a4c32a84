// Image classification: learn what pictures show, measure how often it is right, name what a
// picture shows.
#pragma once
#include <memory>

#include "cairn/compile/compile.h"
#include "cairn/data/picture.h"
#include "cairn/data/transform.h"
#include "cairn/nn/nn.h"
#include "cairn/tasks/task.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::image_classification {

using train::Open, train::Option, train::Use, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "image-classification";

struct Options : train::SupervisedOptions {
  Option<std::string> data{this,
                           "data",
                           "digits",
                           {},
                           "Pictures: a folder with IDX files (MNIST), CIFAR's binary batches, or "
                           "one folder of images a class; 'digits' draws its own"};
  Option<int64_t> image_size{this, "image_size", Open{"as most of them, at most 96"},
                             whole(1, 1024), "Class folders: square pictures of this side"};
  Option<std::string> model{this, "model", Open{"what suits the pictures"},
                            one_of({"lenet", "resnet9", "resnet18"}), "Network"};
  Option<double> label_smoothing{this, "label_smoothing", Open{"0.1"}, between(0, 0.99),
                                 "Part of a target that is spread over all classes"};
  // Random changes of the pictures.
  Option<int64_t> crop{this, "crop", Open{"colour 4, grey 0"}, whole(0, 1024),
                       "Random crops: pixels of black added around first"};
  Option<bool> flip{this, "flip", Open{"colour true"}, {}, "Mirror half of the pictures"};
  Option<double> rotate{this, "rotate", Open{"grey 10, colour 0"}, between(0, 360),
                        "Turn by up to so many degrees"};
  Option<double> shift{this, "shift", Open{"grey 2, colour 0"}, between(0, 1024),
                       "Shift by up to so many pixels"};
  Option<double> scale{this, "scale", Open{"grey 0.1, colour 0"}, between(0, 0.9),
                       "Make larger or smaller by up to this part"};
  Option<double> shear{this, "shear", Open{"grey 0.1, colour 0"}, between(0, 10),
                       "Slant by up to this part of the height"};
  // What the data are.
  Option<std::vector<std::string>> classes{this, "classes"};
  Option<std::vector<int64_t>> shape{this, "shape"};  // channels, height, width
  Option<std::vector<float>> mean{this, "mean"}, deviation{this, "deviation"};
  Option<int64_t> examples{this, "examples"};  // of the training split

  data::ImageShape image_shape() const;
  data::Normalization normalization() const { return {mean, deviation}; }
  data::Augment augment() const;
};

// Throws Error when the network cannot take images of this shape.
nn::AnyModule make_network(const std::string& model, const data::ImageShape& shape,
                           int64_t classes);
// Fills what is open with what suits the pictures; `images`: in the training split.
void fill_recipe(Options& options, const data::ImageShape& shape, int64_t images);

std::string in_words(const Json& measured);  // "accuracy 99.20 %, loss 0.0312"

// Trains and returns {task, split, examples, accuracy, loss, confusion, run, model, ...} of the
// test split.
Json train(Options options);

// Measures a network on pictures: compiled once, used again and again.
class Meter {
 public:
  Meter(const nn::AnyModule& network, const data::Normalization& normalization);
  // {examples, accuracy, loss, confusion[true][predicted]}, in evaluation mode.
  Json measure(const data::ImageDatasetPtr& set);

 private:
  nn::AnyModule network_;
  data::Normalization normalization_;
  CompiledFunction forward_;
};

struct Prediction {
  std::string label;
  double probability;
};
// A trained network with all it needs to read a picture.
class Classifier : public Model {
 public:
  explicit Classifier(const train::SavedModel& saved);
  // `path`: a run folder, or the model.safetensors of one.
  explicit Classifier(const std::string& path) : Classifier(train::open_saved_model(path, kTask)) {}

  nn::Module& network() override { return *network_; }
  const nn::AnyModule& module() const { return network_; }
  std::vector<Tensor> inputs(int64_t examples) override;

  const Options& options() const { return options_; }
  const std::vector<std::string>& classes() const { return options_.classes; }
  data::ImageShape shape() const { return options_.image_shape(); }
  // Pictures as the network takes them, with its classes. `source` "": those of the training.
  data::ImageDatasetPtr open(const std::string& source, data::Split split) const;
  // {task, split, examples, accuracy, loss, confusion} of a data set.
  Json evaluate(const std::string& source, data::Split split);
  // The `top` most probable classes of a picture file. Throws Error naming the file.
  std::vector<Prediction> predict(const std::string& image_path, int64_t top);

  Tensor batch_of(const data::ImageDataset& set, int64_t first, int64_t count) const;
  // logits of a normalised batch [N, C, H, W]; compiled once.
  Tensor logits(const Tensor& images);
  // With what the last linear layer gets: [N, features] or [N, channels, 1, 1].
  struct Activations {
    Tensor features, logits;
  };
  Activations activations(const Tensor& images) const;

 private:
  Options options_;
  nn::AnyModule network_;
  Meter meter_;
  CompiledFunction forward_;
};

struct QuantizeOptions : train::OptionSet {
  Option<std::string> out{this, "out", "", {}, "Folder of the 8-bit run"};
  Option<std::string> data{
      this, "data", Open{"that of the training"}, {}, "Pictures to calibrate and measure on"};
  Option<int64_t> calibrate{this, "calibrate", 512, whole(1, 1'000'000),
                            "How many training pictures show the ranges of activations"};
  Option<double> percentile{this, "percentile", 100, between(90, 100),
                            "Share of an activation's values that its range holds, in percent; "
                            "what lies outside is cut"};
  Option<bool> json{this, "json", false, {}, "Print one JSON object, the last line"};
};
// Writes the run `out`, which computes in 8 bits, and measures both on the test split: {run,
// layers_int8, kept_f32, accuracy_f32, accuracy_int8, bytes_f32, bytes_int8, ...}.
Json quantize(Classifier& classifier, const QuantizeOptions& options);

// [count, channels, height, width] values as tiles, in colour where there are three channels, each
// tile from its own smallest to its largest value.
io::Image tiles(const Tensor& maps, int columns);

// What it says of pictures, confusion matrix, mistakes, first filters and what they see, curves.
void report(train::report::Page& page, Classifier& classifier);

extern const Task kRow;

}  // namespace cairn::tasks::image_classification
