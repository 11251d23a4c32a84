#include "cairn/data/folder.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>

#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/data/files.h"
#include "cairn/data/picture.h"
#include "cairn/io/image.h"
#include "cairn/io/utf8.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr int kLargestDefaultSide = 96, kLargestSide = 1024;
constexpr int64_t kCacheBytes = int64_t{1} << 30;
constexpr size_t kMaxClasses = 100000;
constexpr int kTestEvery = 10;
constexpr size_t kLooks = 5, kMostLooks = 200;

// root/train, root/Test, root/valid, ... whatever its case; "" when there is none.
std::string split_folder(const std::string& root, std::initializer_list<std::string> names) {
  const auto entries = entries_of(root);
  for (const std::string& name : names)
    for (const fs::path& entry : entries)
      if (entry.filename().string().size() == name.size() && ends_with(entry, name) &&
          is_folder(entry))
        return entry.string();
  return "";
}
std::string train_folder(const std::string& root) {
  return split_folder(root, {"train", "training"});
}
std::string test_folder(const std::string& root) {
  return split_folder(root, {"test", "testing", "val", "valid", "validation"});
}

struct Listing {
  std::vector<std::string> classes;  // as they can be printed
  std::vector<std::string> paths;
  std::vector<int> labels;
  LeftOut left_out;
};

// The pictures that lie in a folder, told by their first bytes.
void list_pictures(const fs::path& folder, int label, Listing& listing) {
  for (const fs::path& entry : entries_of(folder)) {
    if (is_folder(entry)) {
      listing.left_out.add("folders below classes", entry);
      continue;
    }
    const std::string why =
        is_file(entry) ? io::why_no_image(entry.string()) : "links to nothing, or no files";
    if (!why.empty()) {
      listing.left_out.add(why, entry);
      continue;
    }
    listing.paths.push_back(entry.string());
    listing.labels.push_back(label);
  }
}

std::vector<fs::path> folders_in(const std::string& folder) {
  std::vector<fs::path> folders;
  if (folder.empty()) return folders;
  for (const fs::path& entry : entries_of(folder))
    if (is_folder(entry)) folders.push_back(entry);
  return folders;
}

std::vector<std::string> class_names(const std::vector<fs::path>& folders) {
  std::vector<std::string> names;
  for (const fs::path& f : folders) names.push_back(io::printable(f.filename().string()));
  return names;
}

Listing list_images(const std::string& folder) {
  Listing listing;
  const auto folders = folders_in(folder);
  check(folders.size() <= kMaxClasses, "'{}' has {} folders; at most {} classes are possible",
        folder, folders.size(), kMaxClasses);
  if (folders.empty()) {
    list_pictures(folder, 0, listing);
    listing.classes = {"images"};
    return listing;
  }
  listing.classes = class_names(folders);
  for (size_t label = 0; label < folders.size(); ++label) {
    const size_t before = listing.paths.size();
    Listing of_class;
    list_pictures(folders[label], static_cast<int>(label), of_class);
    const std::string left_out = of_class.left_out.in_words();
    check(!of_class.paths.empty(),
          "the class folder '{}' has no pictures ({}){}; add some or remove it",
          io::printable(folders[label].string()), io::kImageFormats,
          left_out.empty() ? "" : " (" + left_out + ")");
    listing.paths.insert(listing.paths.end(), of_class.paths.begin(), of_class.paths.end());
    listing.labels.resize(before + of_class.paths.size(), static_cast<int>(label));
    listing.left_out.add(of_class.left_out);
  }
  for (const fs::path& entry : entries_of(folder))
    if (is_file(entry) && io::why_no_image(entry.string()).empty())
      listing.left_out.add("beside the class folders", entry);
  return listing;
}

// Every tenth of each class is for testing, at least one where a class has two.
Listing part_of(const Listing& all, Split split) {
  Listing part{all.classes, {}, {}, all.left_out};
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

bool has_only_tests(const std::string& root) {
  return folders_in(root).size() == 1 && train_folder(root).empty() && !test_folder(root).empty();
}

Listing listing_for(const std::string& root, Split split) {
  std::string train = train_folder(root);
  const std::string test = test_folder(root);
  // Beside cars and planes it is a class.
  if (test.empty() && folders_in(root).size() > 1 && folders_in(train).empty()) train.clear();
  if (has_only_tests(root) && split == Split::test) return list_images(test);
  check(!has_only_tests(root), "'{}' has '{}' but no folder 'train'; add it", root, test);
  if (train.empty()) return part_of(list_images(root), split);
  check(!test.empty(),
        "'{}' has a folder 'train' but neither 'test' nor 'val'; add one, or put the class "
        "folders directly into '{}'",
        root, root);
  Listing wanted = list_images(split == Split::train ? train : test);
  if (split == Split::test) {
    const auto trained = class_names(folders_in(train));
    check(trained.empty() || trained == wanted.classes,
          "'{}' and '{}' do not hold the same class folders", train, test);
  }
  return wanted;
}

class FolderImages : public ImageDataset {
 public:
  FolderImages(const std::string& root, ImageShape shape, Listing listing)
      : ImageDataset(root, shape, listing.classes),
        left_out_(listing.left_out),
        paths_(std::move(listing.paths)),
        labels_(std::move(listing.labels)) {
    const int64_t bytes = size() * shape.size();
    if (bytes > kCacheBytes) return;
    cache_.reset(new uint8_t[bytes]);  // untouched pages cost nothing until they are filled
    states_ = std::vector<std::atomic<uint8_t>>(paths_.size());
  }

  int64_t size() const override { return static_cast<int64_t>(paths_.size()); }
  int label(int64_t index) const override { return labels_[index]; }
  std::string left_out() const override { return left_out_.in_words(); }

  // Decodes all. The places of those that can be; the others are counted as left out, or the first
  // of them is an Error.
  std::vector<int64_t> decode_all(bool skip_bad) {
    std::vector<std::string> wrong(paths_.size());
    parallel_for(size(), 8, [&](int64_t begin, int64_t end) {
      std::vector<uint8_t> chw(static_cast<size_t>(shape().size()));
      for (int64_t i = begin; i < end; ++i) try {
          image(i, chw.data());
        } catch (const std::exception& e) { wrong[i] = e.what(); }
    });
    std::vector<int64_t> good;
    for (int64_t i = 0; i < size(); ++i) {
      if (wrong[i].empty()) good.push_back(i);
      else if (skip_bad) left_out_.add("damaged", paths_[i]);
      else
        fail("{}; mend or remove it, or leave such pictures out with the option skip-bad",
             wrong[i]);
    }
    return good;
  }

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

  std::optional<io::Image> part(int64_t index, const io::ChoosePart& choose) const override {
    return io::read_image_part(paths_[index], choose);
  }

 private:
  enum : uint8_t { kEmpty, kFilling, kReady };

  void decode(int64_t index, uint8_t* chw) const {
    planes_of(fit_picture(io::read_image(paths_[index]), shape()), chw);
  }

  LeftOut left_out_;
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
ImageShape shape_for(const Listing& listing, int image_size, bool skip_bad) {
  ImageShape shape{1, image_size, image_size};
  std::vector<int> heights, widths;
  size_t place = 0;
  for (size_t i = 0; i < listing.paths.size() && heights.size() < kMostLooks; ++i) {
    place = i > 0 && listing.labels[i] == listing.labels[i - 1] ? place + 1 : 0;
    if (place >= kLooks) continue;
    io::Image image;
    try {
      image = io::read_image(listing.paths[i]);
    } catch (const Error&) {
      if (skip_bad) continue;
      throw;
    }
    shape.channels = std::max(shape.channels, image.channels);
    heights.push_back(std::min(image.height, kLargestDefaultSide));
    widths.push_back(std::min(image.width, kLargestDefaultSide));
  }
  check(!heights.empty(), "'{}' and the others that were looked at are all damaged",
        listing.paths[0]);
  if (image_size == 0) shape.height = median(heights), shape.width = median(widths);
  return shape;
}

// Those that can be decoded; every class has one.
ImageDatasetPtr without_bad(std::shared_ptr<FolderImages> set, bool skip_bad) {
  const std::vector<int64_t> good = set->decode_all(skip_bad);
  if (static_cast<int64_t>(good.size()) == set->size()) return set;
  std::vector<int64_t> before(set->classes().size()), after(set->classes().size());
  for (int64_t i = 0; i < set->size(); ++i) ++before[set->label(i)];
  for (int64_t i : good) ++after[set->label(i)];
  for (size_t c = 0; c < after.size(); ++c)
    check(after[c] > 0 || before[c] == 0, "'{}': all {} pictures of '{}' are damaged", set->name(),
          before[c], set->classes()[c]);
  return chosen(set, good);
}

}  // namespace

bool is_image_file(const std::string& path) {
  return !is_clutter(path) && is_file(path) && io::why_no_image(path).empty();
}

bool is_meant_as_image(const std::string& path) {
  if (is_image_file(path)) return true;
  for (const char* ending :
       {".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".ppm", ".pgm"})
    if (ends_with(path, ending)) return !is_clutter(path) && is_file(path);
  return false;
}

bool has_image_files(const std::string& folder) {
  const auto holds_one = [](const fs::path& place) {
    const auto entries = entries_of(place);
    return std::any_of(entries.begin(), entries.end(),
                       [](const fs::path& e) { return is_image_file(e.string()); });
  };
  std::string root = train_folder(folder);
  if (has_only_tests(folder)) root = test_folder(folder);
  if (root.empty()) root = folder;
  const auto folders = folders_in(root);
  return holds_one(root) || std::any_of(folders.begin(), folders.end(), holds_one);
}

ImageDatasetPtr open_image_folder(const std::string& folder, Split split,
                                  const OpenOptions& options) {
  check(options.image_size >= 0 && options.image_size <= kLargestSide,
        "image size {}: 1 to {} are possible", options.image_size, kLargestSide);
  Listing listing = listing_for(folder, split);
  const std::string left_out = listing.left_out.in_words();
  check(!listing.paths.empty(), "'{}' has no images for the {} split{}; add more images", folder,
        name_of(split), left_out.empty() ? "" : " (" + left_out + ")");
  // Both splits take their shape from the training images.
  const ImageShape shape = options.shape ? *options.shape
                                         : shape_for(split == Split::train || has_only_tests(folder)
                                                         ? listing
                                                         : listing_for(folder, Split::train),
                                                     options.image_size, options.skip_bad);
  auto set = std::make_shared<FolderImages>(folder, shape, std::move(listing));
  return options.decode_first ? without_bad(std::move(set), options.skip_bad) : set;
}

}  // namespace cairn::data
