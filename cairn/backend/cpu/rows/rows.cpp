#include "cairn/backend/cpu/rows/rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cairn/backend/cpu/simd_targets.h"
#include "cairn/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/rows/rows.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "cairn/backend/cpu/region/vector_math-inl.h"
#include "cairn/backend/cpu/rows/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::rows::HWY_NAMESPACE {
namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
namespace math = cairn::cpu::HWY_NAMESPACE;

constexpr float kLowest = -std::numeric_limits<float>::infinity();

// Each of `turns` * kGroups numbers, the largest of those whose places leave the same rest: several
// vectors, of which none waits for the one before.
void largest_of_groups(const float* x, int64_t turns, float* largest) {
  constexpr int64_t kLanes = HWY_LANES(float), kVectors = kGroups / kLanes;
  const D d;
  V top[kVectors];
  for (V& t : top) t = hn::Set(d, kLowest);
  for (int64_t turn = 0; turn < turns; ++turn, x += kGroups)
    for (int64_t v = 0; v < kVectors; ++v) top[v] = hn::Max(hn::LoadU(d, x + v * kLanes), top[v]);
  for (int64_t v = 0; v < kVectors; ++v) hn::StoreU(top[v], d, largest + v * kLanes);
}

float largest(const float* x, int64_t count) {
  V top = hn::Set(D(), kLowest);
  const auto look = [&](V v) HWY_ATTR { top = hn::Max(v, top); };
  if (const int64_t turns = count / kGroups; turns > 1) {
    float of_groups[kGroups];
    largest_of_groups(x, turns, of_groups);
    for_each_vector(of_groups, kGroups, kLowest, look);
    x += turns * kGroups, count -= turns * kGroups;
  }
  for_each_vector(x, count, kLowest, look);
  return hn::GetLane(hn::MaxOfLanes(D(), top));
}

// The sum of e^(x - base).
float exponentials(const float* x, int64_t count, float base) {
  const V from = hn::Set(D(), base);
  V total = hn::Zero(D());
  for_each_vector(x, count, kLowest,
                  [&](V v) HWY_ATTR { total = hn::Add(total, math::exp(hn::Sub(v, from))); });
  return hn::GetLane(hn::SumOfLanes(D(), total));
}

void softmax_row(const float* x, int64_t count, float* y) {
  const V top = hn::Set(D(), largest(x, count));
  map_vectors(x, count, y, [&](V v) HWY_ATTR { return math::exp(hn::Sub(v, top)); });
  V total = hn::Zero(D());
  for_each_vector(y, count, 0, [&](V v) HWY_ATTR { total = hn::Add(total, v); });
  const V sum = hn::Set(D(), hn::GetLane(hn::SumOfLanes(D(), total)));
  map_vectors(y, count, y, [&](V v) HWY_ATTR { return hn::Div(v, sum); });
}

void log_softmax_row(const float* x, int64_t count, float* y) {
  const float top = largest(x, count);
  const V base = hn::Set(D(), top), log_sum = hn::Set(D(), std::log(exponentials(x, count, top)));
  map_vectors(x, count, y, [&](V v) HWY_ATTR { return hn::Sub(hn::Sub(v, base), log_sum); });
}

float logsumexp_row(const float* x, int64_t count) {
  const float top = largest(x, count), base = std::isfinite(top) ? top : 0;
  return std::log(exponentials(x, count, base)) + base;
}

// The mean of term(number - base): pieces of a row in f32, their sums in double.
template <class Term>
double mean_around(const float* x, int64_t count, float base, Term term) {
  constexpr int64_t kPiece = 1024;
  const V from = hn::Set(D(), base);
  double total = 0;
  for (int64_t i = 0; i < count; i += kPiece) {
    V sums = hn::Zero(D());
    for_each_vector(x + i, std::min(kPiece, count - i), base,
                    [&](V v) HWY_ATTR { sums = hn::Add(sums, term(hn::Sub(v, from))); });
    total += hn::GetLane(hn::SumOfLanes(D(), sums));
  }
  return total / static_cast<double>(count);
}

// The mean around the first number: what all have in common does not cancel. Then squares around
// the mean: neither does a first number that is far from all others.
void normalize_row(const float* x, int64_t count, float eps, float* y, float* mean, float* rstd) {
  const double middle_exact = x[0] + mean_around(x, count, x[0], [](V v) HWY_ATTR { return v; });
  *mean = static_cast<float>(middle_exact);
  const double rounded = middle_exact - *mean,
               square = mean_around(x, count, *mean, [](V v) HWY_ATTR { return hn::Mul(v, v); });
  const double variance =
      std::isinf(square) ? std::numeric_limits<double>::quiet_NaN() : square - rounded * rounded;
  *rstd = static_cast<float>(1 / std::sqrt((variance < 0 ? 0 : variance) + eps));
  const V middle = hn::Set(D(), *mean), scale = hn::Set(D(), *rstd);
  map_vectors(x, count, y, [&](V v) HWY_ATTR { return hn::Mul(hn::Sub(v, middle), scale); });
}

// The first place where found(values) has a true lane. Four vectors at a time: most have none.
template <class Found>
HWY_INLINE int64_t first_where(const float* x, int64_t from, int64_t count, Found found) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = from;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    const auto low = hn::Or(found(hn::LoadU(d, x + i)), found(hn::LoadU(d, x + i + lanes)));
    const auto high =
        hn::Or(found(hn::LoadU(d, x + i + 2 * lanes)), found(hn::LoadU(d, x + i + 3 * lanes)));
    if (!hn::AllFalse(d, hn::Or(low, high))) break;
  }
  for (; i + lanes <= count; i += lanes)
    if (const intptr_t at = hn::FindFirstTrue(d, found(hn::LoadU(d, x + i))); at >= 0)
      return i + at;
  for (; i < count; ++i)
    if (!hn::AllFalse(d, found(hn::Set(d, x[i])))) return i;
  return count;
}

int64_t place_above(const float* x, int64_t from, int64_t count, float bound) {
  const V b = hn::Set(D(), bound);
  return first_where(x, from, count, [&](V v) HWY_ATTR { return hn::Not(hn::Le(v, b)); });
}
int64_t place_below(const float* x, int64_t from, int64_t count, float bound) {
  const V b = hn::Set(D(), bound);
  return first_where(x, from, count, [&](V v) HWY_ATTR { return hn::Lt(v, b); });
}

}  // namespace
}  // namespace cairn::cpu::rows::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu::rows {

HWY_EXPORT(softmax_row);
HWY_EXPORT(log_softmax_row);
HWY_EXPORT(logsumexp_row);
HWY_EXPORT(normalize_row);
HWY_EXPORT(largest_of_groups);
HWY_EXPORT(place_above);
HWY_EXPORT(place_below);

namespace {

void for_each_row(int64_t rows, int64_t count, FunctionRef<void(int64_t row)> body) {
  constexpr int64_t kGrain = 1 << 13;  // numbers that are worth a thread
  parallel_for(rows, 1 + kGrain / std::max<int64_t>(1, count), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(row);
  });
}

}  // namespace

void softmax(const float* x, int64_t rows, int64_t count, float* y) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(softmax_row);
  for_each_row(rows, count, [&](int64_t r) { kernel(x + r * count, count, y + r * count); });
}

void log_softmax(const float* x, int64_t rows, int64_t count, float* y) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(log_softmax_row);
  for_each_row(rows, count, [&](int64_t r) { kernel(x + r * count, count, y + r * count); });
}

void logsumexp(const float* x, int64_t rows, int64_t count, float* y) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(logsumexp_row);
  for_each_row(rows, count, [&](int64_t r) { y[r] = kernel(x + r * count, count); });
}

void normalize(const float* x, int64_t rows, int64_t count, float eps, float* y, float* mean,
               float* rstd) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(normalize_row);
  for_each_row(rows, count, [&](int64_t r) {
    kernel(x + r * count, count, eps, y + r * count, mean + r, rstd + r);
  });
}

void largest_of_groups(const float* x, int64_t count, float* largest) {
  HWY_DYNAMIC_DISPATCH(largest_of_groups)(x, count / kGroups, largest);
}
int64_t first_above(const float* x, int64_t from, int64_t count, float bound) {
  return HWY_DYNAMIC_DISPATCH(place_above)(x, from, count, bound);
}
int64_t first_below(const float* x, int64_t from, int64_t count, float bound) {
  return HWY_DYNAMIC_DISPATCH(place_below)(x, from, count, bound);
}

}  // namespace cairn::cpu::rows
#endif
