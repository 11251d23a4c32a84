// TrivialAugment, wide (Müller and Hutter 2021): one change of a picture, drawn from fourteen, of a
// strength drawn from 31. The changes are Pillow's on eight bits and the strengths torchvision's
// (its TrivialAugmentWide on a Pillow image gives the same bytes).
#pragma once
#include <span>

#include "cairn/base/philox.h"
#include "cairn/data/dataset.h"

namespace cairn::data {

inline constexpr int kStrengths = 31;

struct Change {
  const char* name;  // as torchvision's: "ShearX"
  bool is_signed;    // its strength goes both ways
  float least, most;
  void (*apply)(uint8_t* chw, const ImageShape& shape, float strength);
};
std::span<const Change> all_changes();
// Number `step` of the strengths of a change, 0 to kStrengths - 1.
float strength_of(const Change& change, int step);

// Changes the picture where it lies.
void trivial_augment(uint8_t* chw, const ImageShape& shape, PhiloxStream& random);

}  // namespace cairn::data
