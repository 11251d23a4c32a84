// Image classification: learn what pictures show, measure how often it is right, name what a
// picture shows.
#pragma once
#include <memory>

#include "cairn/compile/compile.h"
#include "cairn/models/image_classifiers.h"
#include "cairn/tasks/pictures.h"

namespace cairn::tasks::image_classification {

using train::Open, train::Option, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "image-classification";

struct Options : TrainedPictureOptions {
  Options() {
    lr.usual({{"lenet", 2.5e-3}, {"", 4e-3}}), weight_decay.usual({{"lenet", 1e-2}, {"", 5e-2}});
    ema.usual(0.998), eval_every.says("each epoch");
    batch.usual({{"airbench", 128}, {"", 64}}), cutout.usual({{"airbench", 8}, {"", 0}});
    epochs.says(
        "airbench 40, 20 of more than 40000 pictures; lenet 8, 12 of more than 40000; others 10");
  }
  Option<std::string> model{
      this, "model",
      Open{"grey 28x28 not mirrored: lenet, sides below 16: resnet18, to 48: airbench, others: "
           "resnet9"},
      one_of(models::image_classifier_names()), "Network"};
  Option<double> label_smoothing{this, "label_smoothing", 0.1, between(0, 0.99),
                                 "Part of a target that is spread over all classes"};
  Option<bool> flip_test{
      this, "flip_test", Open{"airbench that is trained on mirrored pictures"},
      "Name a picture by the mean of what is said of it and of its mirror image"};
};

std::string in_words(const Json& measured);  // "accuracy 99.20 %, loss 0.0312"
// Of pictures [N, C, H, W], for what is not training: with flip_test the mean over both sides.
Tensor logits_of(const nn::AnyModule& network, const Tensor& pictures, bool flip_test);

// Trains and returns {task, split, examples, accuracy, loss, confusion, run, model, ...} of the
// test split.
Json train(Options options);

// Measures a network on pictures: compiled once, used again and again.
class Meter {
 public:
  Meter(const nn::AnyModule& network, const Options& options);
  // {examples, accuracy, loss, f1, ece, confusion[true][predicted], classes}, in evaluation mode.
  Json measure(const data::ImageDatasetPtr& set);

 private:
  data::Normalization normalization_;
  CompiledFunction forward_;
};

struct Prediction {
  std::string label;
  double probability;
};
// What a network sees in a picture; `warning`: why that may mean little, or "".
struct Seen {
  std::vector<Prediction> classes;  // the most probable first
  std::string warning;
};
// A trained network with all it needs to read a picture.
class Classifier : public PictureModel {
 public:
  explicit Classifier(const train::SavedModel& saved);
  // `path`: a run folder, or the model.safetensors of one.
  explicit Classifier(const std::string& path) : Classifier(train::open_saved_model(path, kTask)) {}

  nn::Module& network() override { return *network_; }
  const nn::AnyModule& module() const { return network_; }
  const Options& options() const override { return options_; }
  std::vector<std::string> gives() const override { return {"probabilities"}; }
  Tensors forward(std::span<const Tensor> in) override;

  // {task, split, examples, accuracy, loss, confusion} of a data set ("": the training's).
  Json evaluate(const std::string& source, data::Split split);
  // The picture as forward() takes it, and what its probabilities say: the `top` largest.
  Picture look_at(const std::string& file, bool invert) const { return read_picture(file, invert); }
  Seen seen(std::span<const float> probabilities, int64_t top, const std::string& warning) const;
  // logits of a normalised batch [N, C, H, W]; compiled once.
  Tensor logits(const Tensor& images);

 private:
  Options options_;
  nn::AnyModule network_;
  Meter meter_;
  CompiledFunction forward_;
};

// What it says of pictures, confusion matrix, mistakes, first filters and what they see, curves.
void report(train::report::Page& page, Classifier& classifier, const train::report::Lines& log);

}  // namespace cairn::tasks::image_classification
