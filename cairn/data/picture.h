// The one way from a picture to what a network gets, for training, evaluation, prediction and
// reports: fit_picture, then planes_of, then normalize_image (transform.h). And data sets of
// pictures made from others.
#pragma once
#include "cairn/data/dataset.h"
#include "cairn/io/image.h"

namespace cairn::data {

// Grey or colour as the shape has it; the largest middle part of its form, resized.
io::Image fit_picture(const io::Image& image, const ImageShape& shape);

void planes_of(const io::Image& image, uint8_t* chw);               // HWC -> CHW
io::Image picture_of(const uint8_t* chw, const ImageShape& shape);  // CHW -> HWC
io::Image picture_of(const ImageDataset& set, int64_t index);

// Every picture fitted to the shape; the set itself when it has it.
ImageDatasetPtr fitted(ImageDatasetPtr set, const ImageShape& shape);

// Those at these places.
ImageDatasetPtr chosen(ImageDatasetPtr set, std::vector<int64_t> places);

// The same names in the same order; or as many where one side has only numbers (0, 1, 2, ...).
bool classes_agree(const std::vector<std::string>& a, const std::vector<std::string>& b);

// Labels numbered as `classes` are, by name: another order of the same names, or some of them. Sets
// without names (0, 1, 2, ...) go by number. Throws Error naming the first class that is not known.
ImageDatasetPtr with_classes(ImageDatasetPtr set, const std::vector<std::string>& classes);

}  // namespace cairn::data
