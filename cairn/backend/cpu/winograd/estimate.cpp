// When does Winograd pay? Work in cycles of one core that does 16 multiply-adds a cycle. The
// constants were fitted to measurements (bench_conv), on a Zen 3 and, for AVX-512, on a Zen 4; only
// their ratios matter.
#include <algorithm>

#include "cairn/backend/cpu/winograd/plan.h"
#include "cairn/base/caches.h"

namespace cairn::cpu {
namespace {

constexpr double kFilterPoint = 2.2;  // cycles a vector of 8
constexpr double kShared = 12;        // bytes a cycle, from the last cache

// Of an instruction set.
struct Costs {
  double products, direct;  // shares of the peak that the loops reach
  double input, output;     // cycles a channel at a point: a tile's transforms,
  double shared;            // and moving it through the cache that the threads share
  double late;              // of fetching weights: the share that products do not hide
  double memory;            // bytes a cycle from there
};
constexpr Costs kNarrow{0.93, 0.87, 0.75, 0.625, 0, 0, 4};
constexpr Costs kWide{0.97, 0.92, 2, 2, 2.5, 0.2, 5};

double read_cycles(const Costs& costs, double bytes) {
  return bytes / (bytes > static_cast<double>(caches().l3) / 2 ? costs.memory : kShared);
}

// Points that a row of tiles uses, the edge's fewer ones included.
int64_t points_along(int64_t whole, int rest, const TileGrid& grid) {
  return whole * grid.points() + (rest ? rest + grid.taps - 1 : 0);
}

}  // namespace

double winograd_gain(const WinogradShape& shape, const WinogradOptions& options) {
  const ForwardPlan plan = plan_forward(shape, options, false);
  const Direction& d = plan.d;
  const double in = static_cast<double>(d.contracted()),
               out = static_cast<double>(d.out_channels());
  const double depth = static_cast<double>(d.out_depth), taps = static_cast<double>(d.taps);
  const double points =
      static_cast<double>(d.batch * points_along(plan.grid.rows, plan.grid.rest_rows, plan.grid) *
                          points_along(plan.grid.columns, plan.grid.rest_columns, plan.grid));
  const double filters = in * out * taps * plan.grid.points() * plan.grid.points();
  const Costs& costs = kernel_shape().lanes >= 16 ? kWide : kNarrow;
  const double moved = plan.fused || plan.own_input ? 0 : costs.shared;
  const double times = plan.own_input ? plan.threads : 1;
  const double products = points * depth * taps * in * out / 16 / costs.products;
  const double transforms =
      points * (static_cast<double>(d.in_depth) * in * (times * costs.input + moved) +
                depth * out * (costs.output + moved));
  const double filter_bytes = filters * sizeof(float);
  // Weights transformed once come from memory while others are multiplied: a network does not stay
  // in a cache.
  const double fetching = filter_bytes / costs.memory;
  const double multiplying =
      options.transformed
          ? std::max(products, fetching) + costs.late * fetching
          : products + filters / 8 * kFilterPoint + read_cycles(costs, filter_bytes);
  const double winograd = multiplying + transforms;

  const double weights =
      static_cast<double>(shape.in_channels * plan.filter.positions()) * out * taps;
  const double outputs = static_cast<double>(d.batch * d.out_height * d.out_width) * depth;
  const double direct =
      outputs * weights / 16 / costs.direct + read_cycles(costs, weights * sizeof(float));
  return direct / winograd;
}

}  // namespace cairn::cpu
