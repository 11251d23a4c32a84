// MNIST, Fashion-MNIST and whatever else comes as IDX files.
#pragma once
#include "cairn/data/dataset.h"

namespace cairn::data {

bool has_idx_files(const std::string& folder);

// {train|t10k}-images-idx3-ubyte and -labels-idx1-ubyte, each also with .gz and with a dot for the
// second dash. Class names come from classes.txt (one a line) when it is there; Fashion-MNIST has
// its own; else they are numbers.
ImageDatasetPtr open_idx(const std::string& folder, Split split);

// The names in the lines of `path`; empty when there is no such file.
std::vector<std::string> read_class_names(const std::string& path);

}  // namespace cairn::data
