// MNIST, Fashion-MNIST and whatever else comes as IDX files.
#pragma once
#include "cairn/data/dataset.h"

namespace cairn::data {

bool has_idx_files(const std::string& source);

// {train|t10k}-images-idx3-ubyte and -labels-idx1-ubyte, each also with .gz and with a dot for the
// second dash; EMNIST's own names (emnist-letters-train-images-idx3-ubyte.gz, ...), whose pictures
// are turned upright: where a folder holds several of its sets, FOLDER/emnist-letters says which.
// Class names come from classes.txt (one a line; labels may count from 1) when it is there, EMNIST
// and Fashion-MNIST have their own; else the labels that occur are the classes.
ImageDatasetPtr open_idx(const std::string& source, Split split);

// The names in the lines of `path`; empty when there is no such file.
std::vector<std::string> read_class_names(const std::string& path);

}  // namespace cairn::data
