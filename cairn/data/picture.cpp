#include "cairn/data/picture.h"

#include <algorithm>

#include "cairn/base/error.h"

namespace cairn::data {
namespace {

class Fitted : public ImageDataset {
 public:
  Fitted(ImageDatasetPtr set, const ImageShape& shape)
      : ImageDataset(set->name(), shape, set->classes()), set_(std::move(set)) {}
  int64_t size() const override { return set_->size(); }
  int label(int64_t index) const override { return set_->label(index); }
  std::string left_out() const override {
    const std::string others = set_->left_out();
    return fmt::format("pictures of {} are fitted to {}{}{}", to_string(set_->shape()),
                       to_string(shape()), others.empty() ? "" : "; ", others);
  }
  void image(int64_t index, uint8_t* chw) const override {
    planes_of(fit_picture(picture_of(*set_, index), shape()), chw);
  }
  std::optional<io::Image> part(int64_t index, const io::ChoosePart& choose) const override {
    return set_->part(index, choose);
  }

 private:
  ImageDatasetPtr set_;
};

class Chosen : public ImageDataset {
 public:
  Chosen(ImageDatasetPtr set, std::vector<int64_t> places)
      : ImageDataset(set->name(), set->shape(), set->classes()),
        set_(std::move(set)),
        places_(std::move(places)) {
    for (int64_t p : places_)
      check(p >= 0 && p < set_->size(), "'{}': picture {} of {}", name(), p, set_->size());
  }
  int64_t size() const override { return static_cast<int64_t>(places_.size()); }
  int label(int64_t index) const override { return set_->label(places_[index]); }
  std::string left_out() const override { return set_->left_out(); }
  void image(int64_t index, uint8_t* chw) const override { set_->image(places_[index], chw); }
  std::optional<io::Image> part(int64_t index, const io::ChoosePart& choose) const override {
    return set_->part(places_[index], choose);
  }

 private:
  ImageDatasetPtr set_;
  std::vector<int64_t> places_;
};

class Renumbered : public ImageDataset {
 public:
  Renumbered(ImageDatasetPtr set, const std::vector<std::string>& classes, std::vector<int> numbers)
      : ImageDataset(set->name(), set->shape(), classes),
        set_(std::move(set)),
        numbers_(std::move(numbers)) {}
  int64_t size() const override { return set_->size(); }
  int label(int64_t index) const override { return numbers_[set_->label(index)]; }
  std::string left_out() const override { return set_->left_out(); }
  void image(int64_t index, uint8_t* chw) const override { set_->image(index, chw); }
  std::optional<io::Image> part(int64_t index, const io::ChoosePart& choose) const override {
    return set_->part(index, choose);
  }
  const uint8_t* pixels() const override { return set_->pixels(); }

 private:
  ImageDatasetPtr set_;
  std::vector<int> numbers_;
};

// 0, 1, 2, ...: a set that names no classes.
bool are_numbers(const std::vector<std::string>& classes) {
  for (size_t i = 0; i < classes.size(); ++i)
    if (classes[i] != std::to_string(i)) return false;
  return true;
}

// "7" -> 7; -1: no number.
int number_of(const std::string& name) {
  const bool digits =
      !name.empty() && name.size() <= 3 &&
      std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits ? std::stoi(name) : -1;
}

}  // namespace

io::Image fit_picture(const io::Image& image, const ImageShape& shape) {
  const io::Image right = io::with_channels(image, shape.channels);
  if (right.width == shape.width && right.height == shape.height) return right;
  return io::resize(io::center_crop(right, shape.width, shape.height), shape.width, shape.height);
}

void planes_of(const io::Image& image, uint8_t* chw) {
  const size_t plane = size_t(image.height) * image.width, channels = image.channels;
  for (size_t i = 0; i < plane; ++i)
    for (size_t c = 0; c < channels; ++c) chw[c * plane + i] = image.pixels[i * channels + c];
}

io::Image picture_of(const uint8_t* chw, const ImageShape& shape) {
  io::Image image(shape.width, shape.height, shape.channels);
  const size_t plane = size_t(shape.height) * shape.width, channels = shape.channels;
  for (size_t i = 0; i < plane; ++i)
    for (size_t c = 0; c < channels; ++c) image.pixels[i * channels + c] = chw[c * plane + i];
  return image;
}

io::Image picture_of(const ImageDataset& set, int64_t index) {
  std::vector<uint8_t> chw(static_cast<size_t>(set.shape().size()));
  set.image(index, chw.data());
  return picture_of(chw.data(), set.shape());
}

ImageDatasetPtr fitted(ImageDatasetPtr set, const ImageShape& shape) {
  if (set->shape() == shape) return set;
  return std::make_shared<Fitted>(std::move(set), shape);
}

ImageDatasetPtr chosen(ImageDatasetPtr set, std::vector<int64_t> places) {
  return std::make_shared<Chosen>(std::move(set), std::move(places));
}

bool classes_agree(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return a == b || (a.size() == b.size() && (are_numbers(a) || are_numbers(b)));
}

ImageDatasetPtr with_classes(ImageDatasetPtr set, const std::vector<std::string>& classes) {
  const auto& own = set->classes();
  if (own == classes) return set;
  std::vector<int> numbers;
  // Where one side has only numbers, they count the other's classes.
  const bool by_number = std::all_of(own.begin(), own.end(), [&](const std::string& name) {
    return number_of(name) >= 0 && number_of(name) < static_cast<int>(classes.size());
  });
  for (size_t i = 0; i < own.size(); ++i) {
    const auto it = std::find(classes.begin(), classes.end(), own[i]);
    if (it != classes.end()) numbers.push_back(static_cast<int>(it - classes.begin()));
    else if (by_number && number_of(classes[0]) < 0) numbers.push_back(number_of(own[i]));
    else if (are_numbers(classes) && own.size() == classes.size())
      numbers.push_back(static_cast<int>(i));
    else
      fail("'{}': its {} classes are not those of the training ({}): it has '{}'", set->name(),
           own.size(), classes.size(), own[i]);
  }
  return std::make_shared<Renumbered>(std::move(set), classes, std::move(numbers));
}

}  // namespace cairn::data
