#include "cairn/data/idx.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>

#include "cairn/data/files.h"
#include "cairn/io/gzip.h"
#include "cairn/io/idx.h"
#include "cairn/io/utf8.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLimit = uint64_t{8} << 30;

// Sets whose classes have names of their own, known by the CRC-32 of a split's labels.
struct KnownSet {
  uint32_t train, test;
  std::vector<std::string> classes;
};
const KnownSet kFashionMnist{0x2ed6e46a,
                             0x242bc73f,
                             {"T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal",
                              "shirt", "sneaker", "bag", "ankle boot"}};

// EMNIST (Cohen et al. 2017) under its own names: its pictures lie on their side, and several sets
// come in one folder.
struct Emnist {
  const char* name;
  int first;  // label
  const char* classes;
};
constexpr const char* kMerged = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt";
constexpr Emnist kEmnist[] = {
    {"balanced", 0, kMerged},
    {"byclass", 0, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"},
    {"bymerge", 0, kMerged},
    {"digits", 0, "0123456789"},
    {"letters", 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {"mnist", 0, "0123456789"}};

constexpr const char *kImages = "images-idx3-ubyte", *kLabels = "labels-idx1-ubyte";

// The file of this part that is there, or "".
std::string find_part(const std::string& folder, const std::string& prefix,
                      const std::string& part) {
  for (const char* separator : {"-", "."})
    for (const char* ending : {"", ".gz"}) {
      const std::string path = folder + "/" + prefix + "-" + part.substr(0, part.find('-')) +
                               separator + part.substr(part.find('-') + 1) + ending;
      if (is_file(path)) return path;
    }
  return "";
}

// Which files: a folder of one set, or FOLDER/emnist-letters of many.
struct Source {
  std::string folder;
  const Emnist* emnist = nullptr;

  std::vector<std::string> prefixes(Split split) const {
    if (emnist)
      return {fmt::format("emnist-{}-{}", emnist->name, split == Split::train ? "train" : "test")};
    if (split == Split::train) return {"train"};
    return {"t10k", "test"};
  }
  std::string find(Split split, const char* part) const {
    for (const std::string& prefix : prefixes(split))
      if (std::string path = find_part(folder, prefix, part); !path.empty()) return path;
    return "";
  }
  std::string need(Split split, const char* part) const {
    std::string path = find(split, part);
    check(!path.empty(), "'{}' has no '{}-{}' (or .gz); add the file for the {} split", folder,
          prefixes(split).front(), part, name_of(split));
    return path;
  }
  bool has_any() const {
    for (Split split : {Split::train, Split::test})
      for (const char* part : {kImages, kLabels})
        if (!find(split, part).empty()) return true;
    return false;
  }
};

std::vector<Source> sources_in(const std::string& given) {
  std::vector<Source> found;
  if (is_folder(given)) {
    if (const Source plain{given}; plain.has_any()) return {plain};
    for (const Emnist& set : kEmnist)
      if (const Source s{given, &set}; s.has_any()) found.push_back(s);
    return found;
  }
  const fs::path path(given);
  for (const Emnist& set : kEmnist)
    if (const Source s{path.has_parent_path() ? path.parent_path().string() : ".", &set};
        path.filename() == std::string("emnist-") + set.name && s.has_any())
      found.push_back(s);
  return found;
}

io::IdxArray labels_in(const io::ByteVector& bytes, const std::string& path) {
  const io::IdxArray labels = io::parse_idx(bytes, path);
  check(labels.shape.size() == 1, "'{}' has {} dimensions; labels have 1", path,
        labels.shape.size());
  return labels;
}

// The values that occur among the training labels (or the others, where those are missing), so that
// both splits have the same classes.
std::vector<int> values_of(const Source& source) {
  std::string path = source.find(Split::train, kLabels);
  if (path.empty()) path = source.need(Split::test, kLabels);
  const io::ByteVector bytes = io::read_maybe_gzip(path, kLimit);
  std::array<bool, 256> seen{};
  for (uint8_t label : labels_in(bytes, path).data) seen[label] = true;
  std::vector<int> values;
  for (int v = 0; v < 256; ++v)
    if (seen[static_cast<size_t>(v)]) values.push_back(v);
  check(!values.empty(), "'{}' has no labels", path);
  return values;
}

// The names of the classes, and which each label is of.
struct Classes {
  std::vector<std::string> names;
  std::array<int, 256> of_label;  // -1: none
};

// Label `first` is the first name's.
Classes named(std::vector<std::string> names, int first) {
  Classes classes{std::move(names), {}};
  for (int label = 0; label < 256; ++label) {
    const int place = label - first;
    const bool known = place >= 0 && place < static_cast<int>(classes.names.size());
    classes.of_label[static_cast<size_t>(label)] = known ? place : -1;
  }
  return classes;
}

// Without names, the labels that occur are the classes.
Classes numbered(const std::vector<int>& values, const std::string& labels_path) {
  Classes classes;
  classes.of_label.fill(-1);
  for (int label : values) {
    check(label < 100, "'{}': label {} is out of range; without a classes.txt labels are 0 .. 99",
          labels_path, label);
    classes.of_label[static_cast<size_t>(label)] = static_cast<int>(classes.names.size());
    classes.names.push_back(std::to_string(label));
  }
  return classes;
}

Classes classes_of(const Source& source, uint32_t crc, const std::string& labels_path) {
  const std::vector<int> values = values_of(source);
  std::vector<std::string> names = read_class_names(source.folder + "/classes.txt");
  if (source.emnist && names.empty()) {
    for (const char* c = source.emnist->classes; *c; ++c) names.emplace_back(1, *c);
    return named(names, source.emnist->first);
  }
  if (names.empty() && (crc == kFashionMnist.train || crc == kFashionMnist.test))
    names = kFashionMnist.classes;
  if (names.empty()) return numbered(values, labels_path);
  // Labels that count from 1 have a name each.
  const int first = values.front() == 1 && values.back() == static_cast<int>(names.size()) ? 1 : 0;
  check(values.back() < first + static_cast<int>(names.size()),
        "'{}': label {} is out of range: '{}/classes.txt' names {} classes", labels_path,
        values.back(), source.folder, names.size());
  return named(names, first);
}

void turn_upright(std::span<uint8_t> pixels, int64_t side) {
  for (size_t at = 0; at < pixels.size(); at += static_cast<size_t>(side * side))
    for (int64_t y = 0; y < side; ++y)
      for (int64_t x = 0; x < y; ++x)
        std::swap(pixels[at + static_cast<size_t>(y * side + x)],
                  pixels[at + static_cast<size_t>(x * side + y)]);
}

}  // namespace

bool has_idx_files(const std::string& source) { return !sources_in(source).empty(); }

std::vector<std::string> read_class_names(const std::string& path) {
  std::vector<std::string> names;
  if (!is_file(path)) return names;
  const std::string file = io::read_text_file(path, 1 << 20), text(io::without_mark(file));
  const size_t invalid = io::find_invalid_utf8(text);
  check(invalid == text.npos, "'{}', byte {}: not UTF-8", path, invalid);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) names.push_back(line);
    begin = end + 1;
  }
  return names;
}

ImageDatasetPtr open_idx(const std::string& given, Split split) {
  const auto sources = sources_in(given);
  check(!sources.empty(), "'{}' has no IDX files", given);
  if (sources.size() > 1)
    fail("'{}' holds {} sets of EMNIST; say which one: {}/emnist-{}", given, sources.size(), given,
         sources.front().emnist->name);
  const Source& source = sources.front();
  const std::string images_path = source.need(split, kImages);
  const std::string labels_path = source.need(split, kLabels);
  io::ByteVector image_bytes = io::read_maybe_gzip(images_path, kLimit);
  const io::ByteVector label_bytes = io::read_maybe_gzip(labels_path, kLimit);
  const io::IdxArray images = io::parse_idx(image_bytes, images_path);
  const io::IdxArray labels = labels_in(label_bytes, labels_path);

  check(images.shape.size() == 3, "'{}' has {} dimensions; images have 3 (count, height, width)",
        images_path, images.shape.size());
  check(images.shape[0] == labels.shape[0], "'{}' has {} images, but '{}' has {} labels",
        images_path, images.shape[0], labels_path, labels.shape[0]);
  check(images.shape[0] > 0, "'{}' has no images", images_path);
  check(images.shape[1] > 0 && images.shape[2] > 0 && images.shape[1] <= 4096 &&
            images.shape[2] <= 4096,
        "'{}': images of {} x {} pixels; 1 to 4096 are read", images_path, images.shape[1],
        images.shape[2]);

  const Classes classes = classes_of(source, io::crc32(labels.data), labels_path);
  std::vector<uint8_t> numbers;
  for (size_t i = 0; i < labels.data.size(); ++i) {
    const int number = classes.of_label[labels.data[i]];
    check(number >= 0, "'{}': label {} of image {} is out of range: there are {} classes",
          labels_path, labels.data[i], i, classes.names.size());
    numbers.push_back(static_cast<uint8_t>(number));
  }
  const ImageShape shape{1, static_cast<int>(images.shape[1]), static_cast<int>(images.shape[2])};
  image_bytes.erase(image_bytes.begin(),
                    image_bytes.end() - static_cast<int64_t>(images.data.size()));
  if (source.emnist) {
    check(shape.height == shape.width, "'{}': EMNIST's pictures are square, these are {} x {}",
          images_path, shape.height, shape.width);
    turn_upright(image_bytes, shape.height);
  }
  return std::make_shared<MemoryImages>(given, shape, classes.names, std::move(image_bytes),
                                        std::move(numbers));
}

}  // namespace cairn::data
