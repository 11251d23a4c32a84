// What kind of errors a detector makes, after TIDE (Bolya et al. 2020).
#pragma once
#include <span>

#include "cairn/data/box.h"

namespace cairn::metrics {

struct DetectionErrors {
  int64_t right = 0;        // IoU 0.5 or more with an object of the label
  int64_t wrong_label = 0;  // ... with an object of another label
  int64_t misplaced = 0;    // IoU 0.1 to 0.5 with an object of the label
  int64_t both = 0;         // ... with an object of another label
  int64_t duplicate = 0;    // of an object that a better one has found
  int64_t background = 0;   // of nothing
  int64_t missed = 0;  // objects that nothing was right about, nor wrong only in label or place
  DetectionErrors& operator+=(const DetectionErrors& other);
};
// Of one picture. Crowds and difficult objects, and what lies on them, are left out.
DetectionErrors detection_errors(std::span<const data::GroundTruth> truth,
                                 std::span<const data::Detection> found);

}  // namespace cairn::metrics
