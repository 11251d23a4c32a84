// What tasks on pictures have in common: where the pictures are and what they are, random changes
// while training, and models that read pictures as their training did.
#pragma once
#include "cairn/data/dataset.h"
#include "cairn/data/mix.h"
#include "cairn/data/transform.h"
#include "cairn/tasks/task.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks {

// For note_counts: by class, where they are not too many to be told.
inline train::Counts counts_of(const data::ImageDataset& set) {
  constexpr size_t kMostClasses = 1000;
  if (set.classes().size() > kMostClasses) return {{"training pictures", set.size()}};
  std::vector<int64_t> counts(set.classes().size());
  for (int64_t i = 0; i < set.size(); ++i) ++counts[static_cast<size_t>(set.label(i))];
  train::Counts named = {{"training pictures", set.size()}};
  for (size_t c = 0; c < counts.size(); ++c)
    named.emplace_back(fmt::format("of '{}'", set.classes()[c]), counts[c]);
  return named;
}

// `Run`: RunOptions, or what derives from it.
template <class Run>
struct PictureOptions : Run {
  train::DataOption data{
      this, "digits",
      "Pictures: a folder with IDX files (MNIST), CIFAR's binary batches, or one folder of images "
      "a class; 'digits' draws its own"};
  train::Option<int64_t> image_size{this, "image_size", train::Open{"as most of them, at most 96"},
                                    train::whole(1, 1024),
                                    "Class folders: square pictures of this side"};
  train::Option<bool> skip_bad{this,
                               "skip_bad",
                               false,
                               {},
                               "Class folders: leave out pictures that are damaged, and count them",
                               train::Use::changeable};
  // Facts.
  train::Option<std::vector<std::string>> classes{this, "classes"};
  train::Option<std::vector<int64_t>> shape{this, "shape"};  // channels, height, width

  data::ImageShape image_shape() const {
    check(shape->size() == 3, "the configuration's shape has {} numbers, not 3", shape->size());
    const auto side = [&](size_t i) { return static_cast<int>((*shape)[i]); };
    return {side(0), side(1), side(2)};
  }
  int64_t num_classes() const { return static_cast<int64_t>(classes->size()); }
  // How the data set is opened: of the kind of the run that is resumed.
  data::OpenOptions how() const {
    data::OpenOptions how{
        .image_size = static_cast<int>(*image_size), .decode_first = true, .skip_bad = skip_bad};
    if (!shape.is_open()) how.shape = image_shape();
    return how;
  }
  void note(const data::ImageDataset& set) {
    train::note_counts(*this, counts_of(set));
    classes.fill(set.classes());
    shape.fill({set.shape().channels, set.shape().height, set.shape().width});
  }
  // Pictures of the run's shape; `source` "": those of the training, without those that it left
  // out.
  data::ImageDatasetPtr open(const std::string& source, data::Split split) const {
    const bool skips = skip_bad && (source.empty() || source == *data);
    return data::open_image_dataset(
        source.empty() ? *data : source, split,
        {.shape = image_shape(), .decode_first = skips, .skip_bad = skips});
  }
};

// Of a supervised training: random changes of the pictures, and how they are normalised.
struct TrainedPictureOptions : PictureOptions<train::SupervisedOptions> {
  TrainedPictureOptions() { group("Pictures"); }
  train::Option<std::string> augment{
      this, "augment", train::Open{"colour crop-flip, grey warp"},
      train::one_of({"none", "warp", "crop-flip", "resized-crop", "trivial"}),
      "Random changes, of which what follows may be chosen apart; "
      "trivial: crop-flip (grey: without "
      "flips), then one of 14 changes (TrivialAugment, wide)"};
  train::Option<int64_t> crop{
      this, "crop", train::Open{"crop-flip, trivial 4, below 32 px 2; others 0"},
      train::whole(0, 1024), "Random crops: pixels of black added around first"};
  train::Option<double> resized_crop{
      this, "resized_crop", train::Open{"resized-crop 0.25, others 0"}, train::between(0, 1),
      "Show a part of at least this area, 3:4 to 4:3 in form, in full size"};
  train::Option<bool> flip{this, "flip", train::Open{"crop-flip, resized-crop"},
                           "Mirror half of the pictures"};
  train::Option<double> rotate{this, "rotate", train::Open{"warp 10, others 0"},
                               train::between(0, 360), "Turn by up to so many degrees"};
  train::Option<double> shift{this, "shift", train::Open{"warp 2, others 0"},
                              train::between(0, 1024), "Shift by up to so many pixels"};
  train::Option<double> scale{this, "scale", train::Open{"warp 0.1, others 0"},
                              train::between(0, 0.9), "Make larger or smaller by up to this part"};
  train::Option<double> shear{this, "shear", train::Open{"warp 0.1, others 0"},
                              train::between(0, 10), "Slant by up to this part of the height"};
  train::Option<double> jitter{this, "jitter", 0, train::between(0, 1),
                               "Brightness, contrast and saturation by factors up to this from 1"};
  train::Option<int64_t> cutout{this, "cutout", 0, train::whole(0, 1024),
                                "Cover a square of this side somewhere; 0: none"};
  train::Option<double> mixup{this, "mixup", 0, train::between(0, 100),
                              "Mix pictures and their classes, by Beta(so much, so much); 0: no"};
  train::Option<double> cutmix{this, "cutmix", 0, train::between(0, 100),
                               "The same with a rectangle of the other picture; both: either"};
  // Facts.
  train::Option<std::vector<float>> mean{this, "mean"}, deviation{this, "deviation"};
  train::Option<int64_t> examples{this, "examples"};  // of the training split
  // The darkest and the brightest of its pictures: means of all values, 0 to 1.
  train::Option<std::vector<float>> brightness{this, "brightness"};

  data::Normalization normalization() const { return {mean, deviation}; }
  data::Augment changes() const;
  data::Mixing mixing() const { return {mixup, cutmix}; }
  // What the pictures are, or compares it with what they were; and which changes suit them.
  void note(const data::ImageDataset& set);
};

struct PictureEvalOptions : EvalOptions {
  train::Option<std::string> split{this, "split", "test", train::one_of({"train", "test"}),
                                   "Part of the data"};
};

// A trained network that takes one picture, [N, C, H, W], normalised.
class PictureModel : public Model {
 public:
  using Model::Model;
  virtual const TrainedPictureOptions& options() const = 0;

  const std::vector<std::string>& classes() const { return options().classes; }
  data::ImageShape shape() const { return options().image_shape(); }
  std::vector<std::string> labels() const override { return classes(); }
  std::vector<Port> takes() override;
  Tensors read(const std::string& file) override;
  std::vector<Tensor> inputs(int64_t examples) override { return inputs("", examples); }
  // The first of a shuffled epoch, in batches of one size; of these data.
  Tensors inputs(const std::string& source, int64_t examples) const;
  // Pictures as the network takes them, with its classes. `source` "": those of the training.
  data::ImageDatasetPtr open(const std::string& source, data::Split split) const;
  Tensor batch_of(const data::ImageDataset& set, int64_t first, int64_t count) const;

 protected:
  struct Picture {
    Tensor input;         // [1, C, H, W]
    std::string warning;  // why what a network says of it may mean little, or ""
  };
  // A picture file, whose light and dark are swapped first where `invert`. Warns of one far darker
  // or brighter than all that was learned from. Throws Error naming the file.
  Picture read_picture(const std::string& file, bool invert = false) const;

 private:
  std::string warning_for(float brightness) const;
};

}  // namespace cairn::tasks
