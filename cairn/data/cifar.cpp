#include "cairn/data/cifar.h"

#include "cairn/data/files.h"
#include "cairn/data/idx.h"
#include "cairn/io/gzip.h"

namespace cairn::data {
namespace {

constexpr ImageShape kShape{3, 32, 32};
constexpr size_t kPixels = 3 * 32 * 32;
constexpr uint64_t kLimit = uint64_t{4} << 30;

// How the two sets differ.
struct Layout {
  const char* name;
  size_t label_bytes;  // the last of them is the label
  size_t classes;
  const char* names_file;
};
constexpr Layout kCifar10{"CIFAR-10", 1, 10, "batches.meta.txt"};
constexpr Layout kCifar100{"CIFAR-100", 2, 100, "fine_label_names.txt"};

std::string find_file(const std::string& folder, const std::string& name) {
  for (const char* ending : {".bin", ".bin.gz"})
    if (const std::string path = folder + "/" + name + ending; is_file(path)) return path;
  return "";
}

std::vector<std::string> batches_of(const std::string& folder, Split split, const Layout*& layout) {
  std::vector<std::string> paths;
  const auto add = [&](const std::string& name) {
    if (const std::string path = find_file(folder, name); !path.empty()) paths.push_back(path);
  };
  layout = &kCifar10;
  if (split == Split::test) add("test_batch");
  else
    for (int i = 1; i <= 9; ++i) add("data_batch_" + std::to_string(i));
  if (paths.empty()) {
    layout = &kCifar100;
    add(name_of(split));
  }
  return paths;
}

void append_batch(const std::string& path, const Layout& layout, std::vector<uint8_t>& pixels,
                  std::vector<uint8_t>& labels) {
  const io::ByteVector bytes = io::read_maybe_gzip(path, kLimit);
  const size_t record = layout.label_bytes + kPixels;
  check(!bytes.empty(), "'{}' is empty", path);
  check(bytes.size() % record == 0,
        "'{}' is truncated or no {} batch: {} bytes are not a multiple of {} (the last whole "
        "record ends at "
        "byte {}); fetch it again",
        path, layout.name, bytes.size(), record, bytes.size() / record * record);
  for (size_t at = 0; at < bytes.size(); at += record) {
    const uint8_t label = bytes[at + layout.label_bytes - 1];
    check(label < layout.classes, "'{}', byte {}: label {} is out of range, {} has 0 .. {}", path,
          at + layout.label_bytes - 1, label, layout.name, layout.classes - 1);
    labels.push_back(label);
    const uint8_t* image = &bytes[at + layout.label_bytes];
    pixels.insert(pixels.end(), image, image + kPixels);
  }
}

}  // namespace

bool has_cifar_files(const std::string& folder) {
  const Layout* layout = nullptr;
  return !batches_of(folder, Split::train, layout).empty() ||
         !batches_of(folder, Split::test, layout).empty();
}

ImageDatasetPtr open_cifar(const std::string& folder, Split split) {
  const Layout* layout = nullptr;
  const std::vector<std::string> paths = batches_of(folder, split, layout);
  check(!paths.empty(), "'{}' has no {} (or .gz); add the file for the {} split", folder,
        split == Split::train ? "data_batch_1.bin" : "test_batch.bin", name_of(split));
  std::vector<uint8_t> pixels, labels;
  for (const std::string& path : paths) append_batch(path, *layout, pixels, labels);

  const std::string names_path = folder + "/" + layout->names_file;
  std::vector<std::string> classes = read_class_names(names_path);
  if (classes.empty() && layout == &kCifar10)
    classes = {"airplane", "automobile", "bird",  "cat",  "deer",
               "dog",      "frog",       "horse", "ship", "truck"};
  if (classes.empty())
    for (size_t i = 0; i < layout->classes; ++i) classes.push_back(std::to_string(i));
  check(classes.size() == layout->classes, "'{}' names {} classes, {} has {}", names_path,
        classes.size(), layout->name, layout->classes);
  return std::make_shared<MemoryImages>(folder, kShape, std::move(classes), std::move(pixels),
                                        std::move(labels));
}

}  // namespace cairn::data
