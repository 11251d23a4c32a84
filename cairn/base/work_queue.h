// Work of a parallel_region that goes to whichever thread asks first: a thread that is slowed down,
// by another process or by what shares its core, takes less of it and nobody waits. For work whose
// results do not depend on who does it.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>

#include "cairn/base/round.h"

namespace cairn {

class WorkQueue {
 public:
  struct Piece {
    int64_t begin, end;
    explicit operator bool() const { return begin < end; }
  };

  // [0, count) in nearly equal pieces, each of whole units but the last.
  WorkQueue(int64_t count, int64_t pieces, int64_t unit = 1)
      : count_(count),
        unit_(unit),
        units_(ceil_div(count, unit)),
        pieces_(std::clamp<int64_t>(pieces, 1, std::max<int64_t>(1, units_))) {}

  // The next piece; an empty one when all are taken.
  Piece take() {
    const int64_t i = next_.fetch_add(1, std::memory_order_relaxed);
    if (i >= pieces_) return {0, 0};
    return {units_ * i / pieces_ * unit_, std::min(count_, units_ * (i + 1) / pieces_ * unit_)};
  }

 private:
  int64_t count_, unit_, units_, pieces_;
  alignas(64) std::atomic<int64_t> next_{0};
};

}  // namespace cairn
