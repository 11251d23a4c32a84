// CIFAR-10 and CIFAR-100 in their binary form: records of label (CIFAR-100: coarse, fine) and 3,072
// bytes, planes of red, green and blue, 32 x 32.
#pragma once
#include "cairn/data/dataset.h"

namespace cairn::data {

bool has_cifar_files(const std::string& folder);

// data_batch_*.bin and test_batch.bin, or train.bin and test.bin (CIFAR-100, fine labels); each
// also .gz. Names from batches.meta.txt or fine_label_names.txt when they are there; CIFAR-10 has
// its own.
ImageDatasetPtr open_cifar(const std::string& folder, Split split);

}  // namespace cairn::data
