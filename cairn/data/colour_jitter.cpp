#include "cairn/data/colour_jitter.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "cairn/base/error.h"
#include "cairn/data/trivial_augment.h"

namespace cairn::data {
namespace {

const Change& change_named(const char* name) {
  for (const Change& change : all_changes())
    if (std::strcmp(change.name, name) == 0) return change;
  fail("there is no change '{}'", name);
}

}  // namespace

void jitter_colours(uint8_t* chw, const ImageShape& shape, float range, PhiloxStream& random) {
  std::array<const char*, 3> names = {"Brightness", "Contrast", "Color"};
  for (uint32_t i = 2; i > 0; --i) std::swap(names[i], names[random.below(i + 1)]);
  for (const char* name : names) {
    const float factor = random.uniform(std::max(0.0f, 1 - range), 1 + range);
    change_named(name).apply(chw, shape, factor - 1);
  }
}

}  // namespace cairn::data
