// A folder of images for each class: photos/cat/1.jpg, photos/dog/2.png, ...; with or without a
// level of train/ and test/ above. Without it every tenth image of a class, by name, is for
// testing. Images that lie in one folder without classes are one class, "images" (for generation).
#pragma once
#include "cairn/data/dataset.h"

namespace cairn::data {

bool has_image_files(const std::string& folder);

// Images are decoded when they are first asked for, cut to their middle, resized to image_size x
// image_size (0: the first image's own size, at most 96) and kept while they take less than 1 GB
// together. Grey when the first image of every class is grey.
ImageDatasetPtr open_image_folder(const std::string& folder, Split split, int image_size);

}  // namespace cairn::data
