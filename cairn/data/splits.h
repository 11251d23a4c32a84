// The parts of a set of pictures that a training needs.
#pragma once
#include "cairn/data/dataset.h"

namespace cairn::data {

struct ImageSplits {
  ImageDatasetPtr train, held_back, test;  // held_back: none without a part for it
  std::string left_out() const;            // as ImageDataset's
};
// `held_back`: part of the training pictures to choose by, drawn by the seed. `classes`: of the run
// that goes on, to which labels are fitted by name; empty: those of the data. Throws Error when
// training and test pictures differ in shape or classes, or there is only one class.
ImageSplits open_image_splits(const std::string& source, const OpenOptions& how,
                              const std::vector<std::string>& classes, double held_back,
                              uint64_t seed);
// "mnist: 54000 pictures to learn from, 6000 held back, 10000 to test, 1x28x28, 10 classes"
std::string in_words(const std::string& source, const ImageSplits& splits);

}  // namespace cairn::data
