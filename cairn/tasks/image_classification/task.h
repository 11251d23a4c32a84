// Image classification: learn what pictures show, measure how often it is right, name what a
// picture shows.
#pragma once
#include <memory>

#include "cairn/compile/compile.h"
#include "cairn/data/picture.h"
#include "cairn/data/transform.h"
#include "cairn/models/image_classifiers.h"
#include "cairn/tasks/pictures.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::image_classification {

using train::Open, train::Option, train::Use, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "image-classification";

struct Options : PictureOptions<train::SupervisedOptions> {
  Options() {
    lr.usual({{"lenet", 2.5e-3}, {"", 4e-3}}), weight_decay.usual({{"lenet", 1e-2}, {"", 5e-2}});
    ema.usual(0.998), eval_every.says("each epoch");
    epochs.says("lenet 8, 12 of more than 40000 pictures; others 10");
  }
  Option<std::string> model{this, "model", Open{"grey 28x28: lenet, others: resnet9"},
                            one_of(models::image_classifier_names()), "Network"};
  Option<double> label_smoothing{this, "label_smoothing", 0.1, between(0, 0.99),
                                 "Part of a target that is spread over all classes"};
  // Random changes of the pictures.
  Option<int64_t> crop{this, "crop", Open{"colour 4, grey 0"}, whole(0, 1024),
                       "Random crops: pixels of black added around first"};
  Option<bool> flip{this, "flip", Open{"in colour"}, "Mirror half of the pictures"};
  Option<double> rotate{this, "rotate", Open{"grey 10, colour 0"}, between(0, 360),
                        "Turn by up to so many degrees"};
  Option<double> shift{this, "shift", Open{"grey 2, colour 0"}, between(0, 1024),
                       "Shift by up to so many pixels"};
  Option<double> scale{this, "scale", Open{"grey 0.1, colour 0"}, between(0, 0.9),
                       "Make larger or smaller by up to this part"};
  Option<double> shear{this, "shear", Open{"grey 0.1, colour 0"}, between(0, 10),
                       "Slant by up to this part of the height"};
  // Facts.
  Option<std::vector<float>> mean{this, "mean"}, deviation{this, "deviation"};
  Option<int64_t> examples{this, "examples"};  // of the training split
  // The darkest and the brightest of its pictures: means of all values, 0 to 1.
  Option<std::vector<float>> brightness{this, "brightness"};

  data::Normalization normalization() const { return {mean, deviation}; }
};

std::string in_words(const Json& measured);  // "accuracy 99.20 %, loss 0.0312"

// Trains and returns {task, split, examples, accuracy, loss, confusion, run, model, ...} of the
// test split.
Json train(Options options);

// Measures a network on pictures: compiled once, used again and again.
class Meter {
 public:
  Meter(const nn::AnyModule& network, const data::Normalization& normalization);
  // {examples, accuracy, loss, confusion[true][predicted], classes}, in evaluation mode.
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
// What a network sees in a picture; `warning`: why that may mean little, or "".
struct Seen {
  std::vector<Prediction> classes;  // the most probable first
  std::string warning;
};
// A trained network with all it needs to read a picture.
class Classifier : public Model {
 public:
  explicit Classifier(const train::SavedModel& saved);
  // `path`: a run folder, or the model.safetensors of one.
  explicit Classifier(const std::string& path) : Classifier(train::open_saved_model(path, kTask)) {}

  nn::Module& network() override { return *network_; }
  const nn::AnyModule& module() const { return network_; }
  std::vector<Tensor> inputs(int64_t examples) override { return inputs("", examples); }
  // The first of a shuffled epoch, in batches of one size; of these data.
  Tensors inputs(const std::string& source, int64_t examples) const;
  std::vector<Port> takes() override;  // pictures, normalised
  std::vector<std::string> gives() const override { return {"probabilities"}; }
  Tensors forward(std::span<const Tensor> in) override;
  Tensors read(const std::string& file) override;
  std::vector<std::string> labels() const override { return options_.classes; }

  const Options& options() const { return options_; }
  const std::vector<std::string>& classes() const { return options_.classes; }
  data::ImageShape shape() const { return options_.image_shape(); }
  // Pictures as the network takes them, with its classes. `source` "": those of the training.
  data::ImageDatasetPtr open(const std::string& source, data::Split split) const;
  // {task, split, examples, accuracy, loss, confusion} of a data set.
  Json evaluate(const std::string& source, data::Split split);
  // The `top` most probable classes of a picture file, whose light and dark are swapped first where
  // `invert`. Warns of a picture far darker or brighter than all that was learned from. Throws
  // Error naming the file.
  Seen predict(const std::string& image_path, int64_t top, bool invert = false);

  Tensor batch_of(const data::ImageDataset& set, int64_t first, int64_t count) const;
  // logits of a normalised batch [N, C, H, W]; compiled once.
  Tensor logits(const Tensor& images);
  // What the last linear layer gets, beside the logits.
  struct Activations {
    Tensor features, logits;  // [N, features] or [N, channels, 1, 1]; [N, classes]
  };
  // Looks at that layer while it lives (a hook put on inside a compiled function would have every
  // call trace again).
  class ActivationReader {
   public:
    explicit ActivationReader(const Classifier& classifier);
    ~ActivationReader() { head_.remove_hook(hook_); }
    ActivationReader(const ActivationReader&) = delete;
    ActivationReader& operator=(const ActivationReader&) = delete;
    Activations operator()(const Tensor& images);  // images: a normalised batch [N, C, H, W]

   private:
    const nn::AnyModule& network_;
    nn::Module head_;
    Tensor features_;
    int hook_;
  };

 private:
  std::vector<uint8_t> planes_of(const std::string& file) const;
  Tensor input_of(const std::vector<uint8_t>& chw) const;
  std::string warning_for(float brightness) const;

  Options options_;
  nn::AnyModule network_;
  Meter meter_;
  CompiledFunction forward_;
};

// [count, channels, height, width] values as tiles, in colour where there are three channels, each
// tile from its own smallest to its largest value.
io::Image tiles(const Tensor& maps, int columns);

// What it says of pictures, confusion matrix, mistakes, first filters and what they see, curves.
void report(train::report::Page& page, Classifier& classifier);

extern const Opener kOpener;
extern const Task kRow;

}  // namespace cairn::tasks::image_classification
