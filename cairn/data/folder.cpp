#include "cairn/data/folder.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>

#include "cairn/base/error.h"
#include "cairn/data/picture.h"
#include "cairn/io/image.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr int kLargestDefaultSide = 96, kLargestSide = 1024;
constexpr int64_t kCacheBytes = int64_t{1} << 30;
constexpr size_t kMaxClasses = 100000;
constexpr int kTestEvery = 10;
constexpr size_t kLooks = 5, kMostLooks = 200;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool has_image_ending(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg" || ending == ".ppm" ||
         ending == ".pgm";
}

std::vector<std::string> images_in(const fs::path& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && !is_hidden(entry.path()) && has_image_ending(entry.path()))
      paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> folders_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && !is_hidden(entry.path()))
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// root/test, or root/val and root/validation, which others use for it; "" when there is none.
std::string split_folder(const std::string& root, Split split) {
  if (split == Split::train) return fs::is_directory(root + "/train") ? root + "/train" : "";
  for (const char* name : {"test", "val", "validation"})
    if (fs::is_directory(root + "/" + name)) return root + "/" + name;
  return "";
}

struct Listing {
  std::vector<std::string> classes;
  std::vector<std::string> paths;
  std::vector<int> labels;
};

Listing list_images(const std::string& folder) {
  Listing listing;
  listing.classes = folders_in(folder);
  check(listing.classes.size() <= kMaxClasses,
        "'{}' has {} folders; at most {} classes are possible", folder, listing.classes.size(),
        kMaxClasses);
  for (size_t label = 0; label < listing.classes.size(); ++label) {
    const std::string class_folder = folder + "/" + listing.classes[label];
    const auto images = images_in(class_folder);
    check(!images.empty(), "the class folder '{}' has no PNG or JPEG images; add some or remove it",
          class_folder);
    listing.paths.insert(listing.paths.end(), images.begin(), images.end());
    listing.labels.insert(listing.labels.end(), images.size(), static_cast<int>(label));
  }
  if (listing.classes.empty()) {
    listing.paths = images_in(folder);
    listing.labels.assign(listing.paths.size(), 0);
    listing.classes = {"images"};
  }
  return listing;
}

// Every tenth of each class is for testing, at least one where a class has two.
Listing part_of(const Listing& all, Split split) {
  Listing part{all.classes, {}, {}};
  int place = 0;
  for (size_t i = 0; i < all.paths.size(); ++i) {
    const bool first = i == 0 || all.labels[i] != all.labels[i - 1];
    const bool last = i + 1 == all.paths.size() || all.labels[i + 1] != all.labels[i];
    place = first ? 0 : place + 1;
    const bool small_class_end = last && place > 0 && place < kTestEvery - 1;
    const bool test = place % kTestEvery == kTestEvery - 1 || small_class_end;
    if (test != (split == Split::test)) continue;
    part.paths.push_back(all.paths[i]);
    part.labels.push_back(all.labels[i]);
  }
  return part;
}

Listing listing_for(const std::string& root, Split split) {
  const std::string train = split_folder(root, Split::train),
                    test = split_folder(root, Split::test);
  if (train.empty()) return part_of(list_images(root), split);
  check(!test.empty(),
        "'{}' has a folder 'train' but neither 'test' nor 'val'; add one, or put the class "
        "folders directly into '{}'",
        root, root);
  Listing wanted = list_images(split == Split::train ? train : test);
  if (split == Split::test) {
    const auto trained = folders_in(train);
    check(trained.empty() || trained == wanted.classes,
          "'{}' and '{}' do not hold the same class folders", train, test);
  }
  return wanted;
}

class FolderImages : public ImageDataset {
 public:
  FolderImages(const std::string& root, ImageShape shape, Listing listing)
      : ImageDataset(root, shape, listing.classes),
        paths_(std::move(listing.paths)),
        labels_(std::move(listing.labels)) {
    const int64_t bytes = size() * shape.size();
    if (bytes > kCacheBytes) return;
    cache_.reset(new uint8_t[bytes]);  // untouched pages cost nothing until they are filled
    states_ = std::vector<std::atomic<uint8_t>>(paths_.size());
  }

  int64_t size() const override { return static_cast<int64_t>(paths_.size()); }
  int label(int64_t index) const override { return labels_[index]; }

  void image(int64_t index, uint8_t* chw) const override {
    const auto bytes = static_cast<size_t>(shape().size());
    if (!cache_) return decode(index, chw);
    uint8_t* kept = cache_.get() + static_cast<size_t>(index) * bytes;
    if (states_[index].load(std::memory_order_acquire) == kReady) {
      std::memcpy(chw, kept, bytes);
      return;
    }
    decode(index, chw);
    uint8_t empty = kEmpty;  // whoever comes first keeps it
    if (!states_[index].compare_exchange_strong(empty, kFilling)) return;
    std::memcpy(kept, chw, bytes);
    states_[index].store(kReady, std::memory_order_release);
  }

 private:
  enum : uint8_t { kEmpty, kFilling, kReady };

  void decode(int64_t index, uint8_t* chw) const {
    planes_of(fit_picture(io::read_image(paths_[index]), shape()), chw);
  }

  std::vector<std::string> paths_;
  std::vector<int> labels_;
  std::unique_ptr<uint8_t[]> cache_;
  mutable std::vector<std::atomic<uint8_t>> states_;
};

int median(std::vector<int> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// Of what is seen in the first kLooks pictures of every class, at most kMostLooks in all.
ImageShape shape_for(const Listing& listing, int image_size) {
  ImageShape shape{1, image_size, image_size};
  std::vector<int> heights, widths;
  size_t place = 0;
  for (size_t i = 0; i < listing.paths.size() && heights.size() < kMostLooks; ++i) {
    place = i > 0 && listing.labels[i] == listing.labels[i - 1] ? place + 1 : 0;
    if (place >= kLooks) continue;
    const io::Image image = io::read_image(listing.paths[i]);
    shape.channels = std::max(shape.channels, image.channels);
    heights.push_back(std::min(image.height, kLargestDefaultSide));
    widths.push_back(std::min(image.width, kLargestDefaultSide));
  }
  if (image_size == 0) shape.height = median(heights), shape.width = median(widths);
  return shape;
}

}  // namespace

bool is_image_file(const std::string& path) { return has_image_ending(path) && !is_hidden(path); }

bool has_image_files(const std::string& folder) {
  std::string root = split_folder(folder, Split::train);
  if (root.empty()) root = folder;
  if (!images_in(root).empty()) return true;
  for (const std::string& name : folders_in(root))
    if (!images_in(root + "/" + name).empty()) return true;
  return false;
}

ImageDatasetPtr open_image_folder(const std::string& folder, Split split,
                                  const OpenOptions& options) {
  check(options.image_size >= 0 && options.image_size <= kLargestSide,
        "image size {}: 1 to {} are possible", options.image_size, kLargestSide);
  Listing listing = listing_for(folder, split);
  check(!listing.paths.empty(), "'{}' has no images for the {} split; add more images", folder,
        name_of(split));
  // Both splits take their shape from the training images.
  const ImageShape shape =
      options.shape ? *options.shape
                    : shape_for(split == Split::train ? listing : listing_for(folder, Split::train),
                                options.image_size);
  return std::make_shared<FolderImages>(folder, shape, std::move(listing));
}

}  // namespace cairn::data
