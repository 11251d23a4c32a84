// Mixing the pictures of a batch with each other: what is learned from is a picture of two classes.
// Each picture's partner is the one before it (the first's is the last), as in torchvision.
#pragma once
#include "cairn/base/philox.h"
#include "cairn/data/dataset.h"

namespace cairn::data {

// Both: one of them, a batch each.
struct Mixing {
  double mixup = 0;  // alpha > 0: sums with parts drawn from Beta(alpha, alpha) (Zhang et al. 2018)
  double cutmix = 0;  // alpha > 0: a rectangle is the partner's (Yun et al. 2019)
  bool any() const { return mixup > 0 || cutmix > 0; }
};

// From Beta(alpha, alpha).
double draw_beta(double alpha, PhiloxStream& random);

// Mixes `images`, `count` of the shape, where they lie; returns what part of each is its own.
float mix_batch(const Mixing& mixing, const ImageShape& shape, int64_t count, PhiloxStream random,
                float* images);

}  // namespace cairn::data
