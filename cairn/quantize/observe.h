// Where the values of an activation lie, over all batches.
#pragma once
#include <vector>

#include "cairn/ops/qlinear.h"

namespace cairn::quantize {

class Observer {
 public:
  // First over all batches; returns false when a value is not finite.
  bool see_ends(const std::vector<float>& values);
  // Then, where a percentile is asked for, over all batches again.
  void see_counts(const std::vector<float>& values);

  // Scale and zero point for the range from the smallest to the largest value, less what lies
  // outside the percentile on either side. The range always holds 0, which becomes an integer
  // exactly (padding, relu); a tensor of zeros has scale 1.
  QParams params(double percentile) const;

 private:
  float low_ = 0, high_ = 0;  // 0 is always inside
  std::vector<int64_t> counts_;
};

}  // namespace cairn::quantize
