#include "cairn/data/splits.h"

#include <algorithm>

#include "cairn/base/error.h"
#include "cairn/base/invalid_option.h"
#include "cairn/data/order.h"
#include "cairn/data/picture.h"

namespace cairn::data {
namespace {

void check_alike(const std::string& source, const ImageDataset& train, const ImageDataset& test) {
  if (!(train.shape() == test.shape()))
    fail("'{}': training images are {}, test images {}; they must be alike", source,
         to_string(train.shape()), to_string(test.shape()));
  check(train.classes().size() == test.classes().size(),
        "'{}': the training split has {} classes, the test split {}; name them all in classes.txt",
        source, train.classes().size(), test.classes().size());
  check(train.classes().size() >= 2, "'{}' has one class, '{}': there is nothing to tell apart",
        source, train.classes()[0]);
}

// Classes that the run learns, and of which the data know nothing any more.
void check_none_is_gone(const std::string& source, const std::vector<std::string>& own,
                        const std::vector<std::string>& classes) {
  const bool named = std::any_of(own.begin(), own.end(), [](const std::string& name) {
    return !std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  });
  for (const std::string& name : classes)
    check(!named || std::find(own.begin(), own.end(), name) != own.end(),
          "'{}' has no pictures of '{}' any more, which the run learns; put them back, "
          "or begin a new run",
          source, name);
}

}  // namespace

ImageSplits open_image_splits(const std::string& source, const OpenOptions& how,
                              const std::vector<std::string>& classes, double held_back,
                              uint64_t seed) {
  ImageSplits s{open_image_dataset(source, Split::train, how), nullptr,
                open_image_dataset(source, Split::test, how)};
  check_alike(source, *s.train, *s.test);
  const auto own = s.train->classes();
  if (!classes.empty())
    s.train = with_classes(s.train, classes), s.test = with_classes(s.test, classes);
  check_none_is_gone(source, own, classes);
  if (held_back <= 0) return s;
  const TwoParts parts = split_off(s.train->size(), held_back, seed);
  if (parts.first.empty() || parts.second.empty())
    throw InvalidOption("val_split",
                        fmt::format("of {} pictures leaves none to {}", s.train->size(),
                                    parts.first.empty() ? "learn from" : "validate by"));
  s.held_back = chosen(s.train, parts.second);
  s.train = chosen(s.train, parts.first);
  return s;
}

std::string in_words(const std::string& source, const ImageSplits& s) {
  return fmt::format("{}: {} pictures to learn from{}, {} to test, {}, {} classes", source,
                     s.train->size(),
                     s.held_back ? fmt::format(", {} held back", s.held_back->size()) : "",
                     s.test->size(), to_string(s.train->shape()), s.train->classes().size());
}

std::string ImageSplits::left_out() const {
  const std::string words = train->left_out();
  return words.empty() ? test->left_out() : words;
}

}  // namespace cairn::data
