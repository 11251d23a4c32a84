#include "cairn/data/detection_splits.h"

#include <algorithm>

#include "cairn/base/invalid_option.h"
#include "cairn/base/philox.h"
#include "cairn/data/datasets.h"
#include "cairn/data/order.h"

namespace cairn::data {
namespace {

constexpr uint64_t kTestPart = 0x74657374;  // a stream of the seed
constexpr double kTest = 0.2, kValidation = 0.15;

// Labels numbered as the network knows them.
DetectionDataset with_classes(const DetectionDataset& set, const std::vector<std::string>& own,
                              const std::vector<std::string>& known, const std::string& source) {
  if (!set || own == known) return set;
  std::vector<int64_t> numbers;
  for (const std::string& name : own) {
    const auto it = std::find(known.begin(), known.end(), name);
    if (it == known.end()) fail("'{}': class '{}': {}", source, name, no_such_name(name, known));
    numbers.push_back(it - known.begin());
  }
  return mapped(set, [numbers](LabelledPicture p) {
    for (GroundTruth& o : p.objects) o.label = numbers[static_cast<size_t>(o.label)];
    return p;
  });
}

}  // namespace

DetectionSplits open_detection_splits(const std::string& source,
                                      const std::vector<std::string>& classes, double held_back,
                                      uint64_t seed) {
  DetectionSplits s = open_detection_data(source);
  // A trained network may be measured where there is nothing to learn from.
  check(s.train || (!classes.empty() && s.test),
        "'{}' has no pictures to learn from: all that it has are to validate or test by; name some "
        "to learn from (ImageSets/Main/train.txt of Pascal VOC, a part 'train' of others)",
        source);
  const auto hold_back = [&](double part, uint64_t of_seed, const char* what) {
    const auto parts = split_off(s.train->size(), part, of_seed);
    if (parts.first.empty() || parts.second.empty())
      throw InvalidOption("data", fmt::format("'{}' has {} pictures: none is left to {}", source,
                                              s.train->size(), what));
    const auto second = chosen(s.train, parts.second);
    s.train = chosen(s.train, parts.first);
    return second;
  };
  if (!s.test) s.test = hold_back(kTest, philox_derive(seed, kTestPart), "test");
  const bool asked = held_back > 0 && s.train;
  if (asked && s.validation) {
    s.train = concatenated<LabelledPicture>({s.train, s.validation});
    for (size_t c = 0; c < s.objects_to_learn.size(); ++c)
      s.objects_to_learn[c] += s.objects_to_choose[c];
  }
  if (asked || (!s.validation && s.train))
    s.validation = hold_back(asked ? held_back : kValidation, seed, "choose by");
  if (classes.empty()) return s;
  for (DetectionDataset* set : {&s.train, &s.validation, &s.test})
    *set = with_classes(*set, s.classes, classes, source);
  for (std::vector<int64_t>* counts : {&s.objects, &s.objects_to_learn, &s.objects_to_choose}) {
    std::vector<int64_t> known(counts->empty() ? 0 : classes.size(), 0);
    for (size_t c = 0; c < counts->size(); ++c)
      known[static_cast<size_t>(std::find(classes.begin(), classes.end(), s.classes[c]) -
                                classes.begin())] = (*counts)[c];
    *counts = std::move(known);
  }
  s.classes = classes;
  return s;
}

}  // namespace cairn::data
