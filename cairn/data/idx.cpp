#include "cairn/data/idx.h"

#include <algorithm>
#include <filesystem>

#include "cairn/io/gzip.h"
#include "cairn/io/idx.h"
#include "cairn/io/utf8.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLimit = uint64_t{8} << 30;
constexpr const char* kPrefixes[] = {"train", "t10k", "test"};

// Sets whose classes have names of their own, known by the CRC-32 of a split's labels.
struct KnownSet {
  uint32_t train, test;
  std::vector<std::string> classes;
};
const KnownSet kFashionMnist{0x2ed6e46a,
                             0x242bc73f,
                             {"T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal",
                              "shirt", "sneaker", "bag", "ankle boot"}};

// The file of this part that is there, or "".
std::string find_part(const std::string& folder, const std::string& prefix,
                      const std::string& part) {
  for (const char* separator : {"-", "."})
    for (const char* ending : {"", ".gz"}) {
      const std::string path = folder + "/" + prefix + "-" + part.substr(0, part.find('-')) +
                               separator + part.substr(part.find('-') + 1) + ending;
      if (fs::is_regular_file(path)) return path;
    }
  return "";
}

std::string need_part(const std::string& folder, Split split, const std::string& part) {
  const char* first = split == Split::train ? "train" : "t10k";
  std::string path = find_part(folder, first, part);
  if (path.empty() && split == Split::test) path = find_part(folder, "test", part);
  check(!path.empty(), "'{}' has no '{}-{}' (or .gz); add the file for the {} split", folder, first,
        part, name_of(split));
  return path;
}

}  // namespace

bool has_idx_files(const std::string& folder) {
  for (const char* prefix : kPrefixes)
    for (const char* part : {"images-idx3-ubyte", "labels-idx1-ubyte"})
      if (!find_part(folder, prefix, part).empty()) return true;
  return false;
}

std::vector<std::string> read_class_names(const std::string& path) {
  std::vector<std::string> names;
  if (!fs::exists(path)) return names;
  const std::string text = io::read_text_file(path, 1 << 20);
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

ImageDatasetPtr open_idx(const std::string& folder, Split split) {
  const std::string images_path = need_part(folder, split, "images-idx3-ubyte");
  const std::string labels_path = need_part(folder, split, "labels-idx1-ubyte");
  io::ByteVector image_bytes = io::read_maybe_gzip(images_path, kLimit);
  const io::ByteVector label_bytes = io::read_maybe_gzip(labels_path, kLimit);
  const io::IdxArray images = io::parse_idx(image_bytes, images_path);
  const io::IdxArray labels = io::parse_idx(label_bytes, labels_path);

  check(images.shape.size() == 3, "'{}' has {} dimensions; images have 3 (count, height, width)",
        images_path, images.shape.size());
  check(labels.shape.size() == 1, "'{}' has {} dimensions; labels have 1", labels_path,
        labels.shape.size());
  check(images.shape[0] == labels.shape[0], "'{}' has {} images, but '{}' has {} labels",
        images_path, images.shape[0], labels_path, labels.shape[0]);
  check(images.shape[0] > 0, "'{}' has no images", images_path);
  check(images.shape[1] > 0 && images.shape[2] > 0 && images.shape[1] <= 4096 &&
            images.shape[2] <= 4096,
        "'{}': images of {} x {} pixels; 1 to 4096 are read", images_path, images.shape[1],
        images.shape[2]);

  std::vector<std::string> classes = read_class_names(folder + "/classes.txt");
  const int largest = *std::max_element(labels.data.begin(), labels.data.end());
  if (const uint32_t crc = io::crc32(labels.data);
      classes.empty() && (crc == kFashionMnist.train || crc == kFashionMnist.test))
    classes = kFashionMnist.classes;
  if (classes.empty()) {
    check(largest < 100, "'{}': label {} is out of range; without a classes.txt labels are 0 .. 99",
          labels_path, largest);
    for (int i = 0; i <= std::max(largest, 9); ++i) classes.push_back(std::to_string(i));
  }
  check(largest < static_cast<int>(classes.size()),
        "'{}': label {} is out of range: '{}/classes.txt' names {} classes", labels_path, largest,
        folder, classes.size());
  const ImageShape shape{1, static_cast<int>(images.shape[1]), static_cast<int>(images.shape[2])};
  std::vector<uint8_t> label_values(labels.data.begin(), labels.data.end());
  image_bytes.erase(image_bytes.begin(),
                    image_bytes.end() - static_cast<int64_t>(images.data.size()));
  return std::make_shared<MemoryImages>(folder, shape, std::move(classes), std::move(image_bytes),
                                        std::move(label_values));
}

}  // namespace cairn::data
