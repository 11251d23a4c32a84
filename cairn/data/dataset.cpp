#include "cairn/data/dataset.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "cairn/base/invalid_option.h"
#include "cairn/data/cifar.h"
#include "cairn/data/digits.h"
#include "cairn/data/files.h"
#include "cairn/data/folder.h"
#include "cairn/data/idx.h"
#include "cairn/data/picture.h"
#include "cairn/io/utf8.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAccepted =
    "accepted are: 'digits' (drawn by the program); "
    "a folder with IDX files (train-images-idx3-ubyte, "
    "train-labels-idx1-ubyte, t10k-..., each also .gz); "
    "with CIFAR's binary batches (data_batch_1.bin ..., "
    "test_batch.bin, also .gz); or with a folder of pictures (JPEG, PNG, WebP, ...) for each class";

// What a folder holds, for the error: the first few names.
std::string contents_of(const std::string& folder) {
  std::vector<std::string> names;
  for (const fs::path& entry : entries_of(folder))
    names.push_back(io::printable(entry.filename().string()));
  std::string text;
  for (size_t i = 0; i < names.size() && i < 5; ++i) text += (i ? ", " : "") + names[i];
  return text + (names.size() > 5 ? fmt::format(" and {} more", names.size() - 5) : "");
}

}  // namespace

const char* name_of(Split split) { return split == Split::train ? "train" : "test"; }

Split split_from_name(const std::string& name) {
  if (name == "train") return Split::train;
  if (name == "test") return Split::test;
  throw InvalidOption("split", no_such_name(name, {"train", "test"}));
}

std::string to_string(const ImageShape& shape) {
  return fmt::format("{}x{}x{}", shape.channels, shape.height, shape.width);
}

MemoryImages::MemoryImages(std::string name, ImageShape shape, std::vector<std::string> classes,
                           std::vector<uint8_t> pixels, std::vector<uint8_t> labels)
    : ImageDataset(std::move(name), shape, std::move(classes)),
      pixels_(std::move(pixels)),
      labels_(std::move(labels)) {
  check(shape.channels > 0 && shape.height > 0 && shape.width > 0,
        "'{}': images of {} have no pixels", this->name(), to_string(shape));
  check(pixels_.size() == labels_.size() * static_cast<size_t>(shape.size()),
        "'{}': {} labels, but {} bytes are not as many images of {}", this->name(), labels_.size(),
        pixels_.size(), to_string(shape));
  for (size_t i = 0; i < labels_.size(); ++i)
    check(labels_[i] < this->classes().size(),
          "'{}': label {} of image {} is out of range: there are {} classes", this->name(),
          labels_[i], i, this->classes().size());
}

void MemoryImages::image(int64_t index, uint8_t* chw) const {
  const auto size = static_cast<size_t>(shape().size());
  std::memcpy(chw, &pixels_[static_cast<size_t>(index) * size], size);
}

namespace {

// Not of class folders: what is asked of those alone is refused, but for a run that goes on.
ImageDatasetPtr of_own_size(ImageDatasetPtr set, const OpenOptions& options) {
  if (options.shape) return set;
  const ImageShape& own = set->shape();
  const int wanted = options.image_size;
  if (wanted != 0 && (own.height != wanted || own.width != wanted))
    throw InvalidOption("image_size",
                        fmt::format("the pictures of '{}' are {}x{}; only those of class folders "
                                    "are given another size",
                                    set->name(), own.height, own.width));
  if (options.skip_bad)
    throw InvalidOption("skip_bad", fmt::format("'{}' has no picture files that could be left "
                                                "out; class folders have",
                                                set->name()));
  return set;
}

ImageDatasetPtr open_as_it_is(const std::string& source, Split split, const OpenOptions& options) {
  std::error_code ignored;
  if (source == "digits" && !fs::exists(source, ignored))
    return of_own_size(open_digits(split), options);
  if (has_idx_files(source)) return of_own_size(open_idx(source, split), options);
  check(fs::exists(source, ignored),
        "no such data: '{}'; if it lies elsewhere now, say where with the option data; {}", source,
        kAccepted);
  check(is_folder(source), "'{}' is a file, data is a folder; {}", source, kAccepted);
  check(!entries_of(source).empty(), "the folder '{}' is empty; {}", source, kAccepted);
  if (has_cifar_files(source)) return of_own_size(open_cifar(source, split), options);
  if (has_image_files(source)) return open_image_folder(source, split, options);
  fail("no image data is known in '{}' (it holds {}); {}", source, contents_of(source), kAccepted);
}

}  // namespace

ImageDatasetPtr open_image_dataset(const std::string& source, Split split, OpenOptions options) {
  ImageDatasetPtr set = open_as_it_is(source, split, options);
  return options.shape ? fitted(std::move(set), *options.shape) : set;
}

}  // namespace cairn::data
