// Runs a test's body for each instruction set that Cairn's kernels are compiled for and this
// processor has.
#pragma once
#include <gtest/gtest.h>
#include "cairn/backend/cpu/simd_targets.h"  // before Highway
#include <hwy/highway.h>

#include "cairn/base/parallel.h"

namespace cairn::test {

// 0: what the processor has.
inline void choose_target(int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

// HWY_STATIC_TARGET, what every processor has, is not among those found.
template <class Body>
void for_each_target(const Body& body,
                     std::initializer_list<int64_t> targets = {HWY_AVX3, HWY_AVX2, HWY_NEON}) {
  const int threads = num_threads();
  for (const int64_t target : targets) {
    choose_target(0);
    if (target != HWY_STATIC_TARGET && !(hwy::SupportedTargets() & target)) continue;
    SCOPED_TRACE(hwy::TargetName(target));
    choose_target(target);
    body();
    set_num_threads(threads);
  }
  choose_target(0);
}

}  // namespace cairn::test
