// What the options of tasks on pictures have in common.
#pragma once
#include "cairn/data/dataset.h"
#include "cairn/tasks/task.h"

namespace cairn::tasks {

// Where the pictures are, and what they are; `Run`: RunOptions or SupervisedOptions.
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
    classes.fill(set.classes());
    shape.fill({set.shape().channels, set.shape().height, set.shape().width});
  }
};

// For note_counts: by class, where they are not too many to be told.
inline train::Json counts_of(const data::ImageDataset& set) {
  constexpr size_t kMostClasses = 1000;
  if (set.classes().size() > kMostClasses) return {{"training pictures", set.size()}};
  std::vector<int64_t> counts(set.classes().size());
  for (int64_t i = 0; i < set.size(); ++i) ++counts[static_cast<size_t>(set.label(i))];
  train::Json named = {{"training pictures", set.size()}};
  for (size_t c = 0; c < counts.size(); ++c)
    named[fmt::format("of '{}'", set.classes()[c])] = counts[c];
  return named;
}

struct PictureEvalOptions : EvalOptions {
  train::Option<std::string> split{this, "split", "test", train::one_of({"train", "test"}),
                                   "Part of the data"};
};

}  // namespace cairn::tasks
