#include <algorithm>

#include "cairn/base/philox.h"
#include "cairn/data/order.h"
#include "cairn/tasks/object_detection/task.h"

namespace cairn::tasks::object_detection {
namespace {

constexpr uint64_t kTestPart = 0x74657374;  // a stream of the seed
constexpr double kTest = 0.2, kValidation = 0.15;

// Labels numbered as the network knows them.
data::DetectionDataset with_classes(const data::DetectionDataset& set,
                                    const std::vector<std::string>& own,
                                    const std::vector<std::string>& known,
                                    const std::string& source) {
  if (!set || own == known) return set;
  std::vector<int64_t> numbers;
  for (const std::string& name : own) {
    const auto it = std::find(known.begin(), known.end(), name);
    if (it == known.end()) fail("'{}': class '{}': {}", source, name, no_such_name(name, known));
    numbers.push_back(it - known.begin());
  }
  return data::mapped(set, [numbers](data::LabelledPicture p) {
    for (data::GroundTruth& o : p.objects) o.label = numbers[static_cast<size_t>(o.label)];
    return p;
  });
}

}  // namespace

data::ViewOptions Options::view() const {
  return {.width = view_width(),
          .height = view_height(),
          .mosaic = mosaic,
          .scale = scale,
          .flip = flip,
          .flip_vertical = flip_vertical,
          .light = light};
}

Splits open_splits(Options& o, const std::string& source) {
  data::DetectionSplits files = data::open_detection_data(source);
  o.classes.fill(files.classes);
  Splits s{files.train, files.validation, files.test, files.notes, Json::object()};
  const auto hold_back = [&](double part, uint64_t seed, const char* what) {
    const auto parts = data::split_off(s.train->size(), part, seed);
    if (parts.first.empty() || parts.second.empty())
      throw InvalidOption("data", fmt::format("'{}' has {} pictures: none is left to {}", source,
                                              s.train->size(), what));
    const auto second = data::chosen(s.train, parts.second);
    s.train = data::chosen(s.train, parts.first);
    return second;
  };
  if (!s.test) s.test = hold_back(kTest, philox_derive(o.seed, kTestPart), "test");
  const bool asked = !o.val_split.is_open() && o.val_split > 0;
  if (asked && s.validation)
    s.train = data::concatenated<data::LabelledPicture>({s.train, s.validation});
  if (asked || !s.validation)
    s.validation = hold_back(asked ? *o.val_split : kValidation, o.seed, "choose by");
  for (data::DetectionDataset* set : {&s.train, &s.validation, &s.test})
    *set = with_classes(*set, files.classes, o.classes, source);
  s.counts = {{"pictures to learn from", s.train->size()},
              {"pictures to choose by", s.validation->size()},
              {"pictures to test", s.test->size()}};
  for (size_t c = 0; c < files.objects.size(); ++c)
    s.counts[fmt::format("boxes of '{}'", files.classes[c])] = files.objects[c];
  return s;
}

}  // namespace cairn::tasks::object_detection
