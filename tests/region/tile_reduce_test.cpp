// Reductions of tiles to the lanes that are kept, against plain loops in double.
#include "tests/targets.h"  // before Highway

#include "cairn/backend/cpu/region/tile_reduce.h"

#include <cmath>
#include <random>
#include <vector>

#include "cairn/backend/cpu/region/tile_functions.h"

namespace cairn::cpu {
namespace {

constexpr Combine kAll[] = {Combine::sum, Combine::max, Combine::min, Combine::prod};

std::vector<float> drawn(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> value(0.9f, 1.1f);
  std::vector<float> all(static_cast<size_t>(count));
  for (float& v : all) v = value(random);
  return all;
}
std::vector<double> by_lane(Combine combine, const std::vector<double>& start, int64_t kept,
                            int64_t n, const std::function<double(int64_t)>& value) {
  std::vector<double> total = start;
  for (int64_t i = 0; i < n; ++i) {
    double& t = total[static_cast<size_t>(i % kept)];
    t = combined(combine, t, value(i));
  }
  return total;
}
void expect_near(const std::vector<double>& got, const std::vector<double>& want, int64_t count) {
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    if (std::isnan(want[i])) EXPECT_TRUE(std::isnan(got[i])) << i;
    else EXPECT_NEAR(got[i], want[i], 1e-5 * std::abs(want[i])) << i;
  }
}

TEST(TileReduce, LanesOfATile) {
  test::for_each_target([] {
    for (const Combine combine : kAll)
      for (const int64_t kept : {8, 16, 32, 48, 64})
        for (const int64_t rows : {1, 2, 3, 4, 5, 7, 8, 16}) {
          if (!has_lanes(kept)) continue;
          for (const bool repeats : {false, true}) {
            const int64_t n = kept * rows;
            std::vector<float> in = drawn(n, static_cast<uint32_t>(n));
            if (rows == 7 && !repeats) in[static_cast<size_t>(n - 2)] = NAN;
            const size_t mask = repeats ? kTilePeriod - 1 : kWholeTile;
            if (repeats && n < static_cast<int64_t>(kTilePeriod)) continue;
            std::vector<double> total(static_cast<size_t>(kept), 1.5);
            const auto want = by_lane(combine, total, kept, n, [&](int64_t i) {
              return double{in[static_cast<size_t>(i) & mask]};
            });
            reduce_lanes(combine, total.data(), kept, in.data(), mask, n);
            expect_near(total, want, kept);
          }
        }
  });
}

TEST(TileReduce, TotalsFoldIntoTheFirst) {
  test::for_each_target([] {
    for (const Combine combine : kAll)
      for (const int64_t kept : {1, 3, 8, 10, 16, 33})
        for (const int64_t width : {kept, 2 * kept, 5 * kept, 5 * kept + kept / 2}) {
          const std::vector<float> values = drawn(width, static_cast<uint32_t>(width));
          std::vector<double> total(values.begin(), values.end());
          std::vector<double> start(static_cast<size_t>(kept), identity_of(combine));
          const auto want = by_lane(combine, start, kept, width, [&](int64_t i) {
            return double{values[static_cast<size_t>(i)]};
          });
          fold_totals(combine, total.data(), kept, width);
          expect_near(total, want, kept);
        }
  });
}

}  // namespace
}  // namespace cairn::cpu
