// Image sets for classification and generation: labelled pictures of one shape, eight bits a
// channel.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cairn/io/image.h"

namespace cairn::data {

enum class Split { train, test };
const char* name_of(Split split);
Split split_from_name(const std::string& name);  // throws InvalidOption, naming the two

struct ImageShape {
  int channels = 0, height = 0, width = 0;
  int64_t size() const { return int64_t{channels} * height * width; }
  bool operator==(const ImageShape&) const = default;
};
std::string to_string(const ImageShape& shape);  // "3x32x32"

// Immutable once made: all members may be called from several threads.
class ImageDataset {
 public:
  ImageDataset(std::string name, ImageShape shape, std::vector<std::string> classes)
      : name_(std::move(name)), shape_(shape), classes_(std::move(classes)) {}
  virtual ~ImageDataset() = default;

  const std::string& name() const { return name_; }  // the path, or "digits"
  const ImageShape& shape() const { return shape_; }
  const std::vector<std::string>& classes() const { return classes_; }

  virtual int64_t size() const = 0;
  virtual int label(int64_t index) const = 0;                 // 0 .. classes().size() - 1
  virtual void image(int64_t index, uint8_t* chw) const = 0;  // writes shape().size() bytes
  // A part of image `index` as its file has it, before it is fitted to the shape; nothing: there is
  // no more to see of it than in image().
  virtual std::optional<io::Image> part(int64_t index, const io::ChoosePart& choose) const {
    (void)index, (void)choose;
    return {};
  }
  // All images at once, if they are in memory.
  virtual const uint8_t* pixels() const { return nullptr; }
  // What its folder holds beside and is not read, for people; "": nothing.
  virtual std::string left_out() const { return ""; }

 private:
  std::string name_;
  ImageShape shape_;
  std::vector<std::string> classes_;
};

using ImageDatasetPtr = std::shared_ptr<const ImageDataset>;

// All images in memory, one after another.
class MemoryImages : public ImageDataset {
 public:
  // Throws Error when counts differ or a label names no class; `name` is in the message.
  MemoryImages(std::string name, ImageShape shape, std::vector<std::string> classes,
               std::vector<uint8_t> pixels, std::vector<uint8_t> labels);

  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  int label(int64_t index) const override { return labels_[index]; }
  void image(int64_t index, uint8_t* chw) const override;
  const uint8_t* pixels() const override { return pixels_.data(); }

 private:
  std::vector<uint8_t> pixels_, labels_;
};

struct OpenOptions {
  // Of class folders: square of this side; 0: as a look at many of them suggests, at most 96.
  int image_size = 0;
  // What a trained network takes: pictures of other sizes and colours are fitted to it, as a single
  // one is that it is shown (picture.h).
  std::optional<ImageShape> shape = {};
  // Class folders: decodes every picture first. One that is damaged, cut or too large is an Error
  // that names it, or is left out and counted.
  bool decode_first = false, skip_bad = false;
};

// `source` is "digits", or a folder with IDX files, with CIFAR's binary batches, or with a folder
// of images for each class. Throws Error that says what was found and what is accepted, and
// InvalidOption where image_size or skip_bad is asked of others than class folders.
ImageDatasetPtr open_image_dataset(const std::string& source, Split split,
                                   OpenOptions options = {});

}  // namespace cairn::data
