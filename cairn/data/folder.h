// A folder of images for each class: photos/cat/1.jpg, photos/dog/2.png, ...; with or without a
// level of train/ (training/) and test/ (testing/, val/, valid/, validation/) above, in any case.
// What can be read is told by its first bytes, whatever it is called; what is not is counted with
// the reason (ImageDataset::left_out); hidden files and what systems leave are no data. Without it
// every tenth image of a class, by name, is for testing. Images that lie in one folder without
// classes are one class, "images" (for generation).
#pragma once
#include "cairn/data/dataset.h"

namespace cairn::data {

bool has_image_files(const std::string& folder);
bool is_image_file(const std::string& path);  // by its first bytes; false for hidden files
// Or by its ending, so that one that is damaged is missed.
bool is_meant_as_image(const std::string& path);

// Images are decoded when they are first asked for, fitted to the shape (picture.h) and kept while
// they take less than 1 GB together. The shape: as asked for; else square of image_size; else what
// a look at some of every class suggests (their median, at most 96). Grey when all of those are
// grey.
ImageDatasetPtr open_image_folder(const std::string& folder, Split split,
                                  const OpenOptions& options);

}  // namespace cairn::data
