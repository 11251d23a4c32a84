#include "cairn/backend/cpu/region/tile_reduce.h"

#include <algorithm>
#include <cmath>

#include "cairn/backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/region/tile_reduce.cpp"
#include <hwy/foreach_target.h>

#include "cairn/backend/cpu/region/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kTilePeriod>;
using Vec = hn::Vec<D>;

template <Combine kCombine>
HWY_INLINE Vec combine_vectors(Vec a, Vec b) {
  if constexpr (kCombine == Combine::sum) return hn::Add(a, b);
  else if constexpr (kCombine == Combine::prod) return hn::Mul(a, b);
  else if constexpr (kCombine == Combine::max) return nan_max(a, b);
  else return nan_min(a, b);
}

template <Combine kCombine>
double reduce(const float* in, size_t mask, int64_t n) {
  const D d;
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  const Vec identity = hn::Set(d, static_cast<float>(identity_of(kCombine)));
  Vec a = identity, b = identity, c = identity, e = identity;
  const auto value = [&](int64_t i) HWY_ATTR { return hn::LoadU(d, in + (i & mask)); };
  int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step) {
    a = combine_vectors<kCombine>(a, value(i));
    b = combine_vectors<kCombine>(b, value(i + step));
    c = combine_vectors<kCombine>(c, value(i + 2 * step));
    e = combine_vectors<kCombine>(e, value(i + 3 * step));
  }
  for (; i + step <= n; i += step) a = combine_vectors<kCombine>(a, value(i));
  if (i < n) {
    const auto rest = hn::FirstN(d, static_cast<size_t>(n - i));
    const Vec tail = hn::MaskedLoad(rest, d, in + (i & mask));
    b = combine_vectors<kCombine>(b, hn::IfThenElse(rest, tail, identity));
  }
  a = combine_vectors<kCombine>(combine_vectors<kCombine>(a, b), combine_vectors<kCombine>(c, e));
  HWY_ALIGN float lanes[kTilePeriod];
  hn::Store(a, d, lanes);
  for (int64_t half = step / 2; half > 0; half /= 2)
    for (int64_t k = 0; k < half; ++k)
      lanes[k] = static_cast<float>(combined(kCombine, lanes[k], lanes[k + half]));
  return lanes[0];
}

template <Combine kCombine>
void accumulate(float* acc, const float* in, size_t mask, int64_t n) {
  const D d;
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + step <= n; i += step)
    hn::StoreU(combine_vectors<kCombine>(hn::LoadU(d, acc + i), hn::LoadU(d, in + (i & mask))), d,
               acc + i);
  if (i == n) return;
  const auto rest = hn::FirstN(d, static_cast<size_t>(n - i));
  const Vec sum = combine_vectors<kCombine>(hn::MaskedLoad(rest, d, acc + i),
                                            hn::MaskedLoad(rest, d, in + (i & mask)));
  hn::BlendedStore(sum, rest, d, acc + i);
}

// Lane j of the sums takes the values whose place leaves j: several vectors, so that none waits for
// the one before.
template <Combine kCombine>
void lanes_of(float* sums, int64_t kept, const float* in, size_t mask, int64_t n) {
  const D d;
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  const Vec identity = hn::Set(d, static_cast<float>(identity_of(kCombine)));
  const auto value = [&](int64_t i) HWY_ATTR { return hn::LoadU(d, in + (i & mask)); };
  for (int64_t j = 0; j < kept; j += step) {
    Vec a = identity, b = identity, c = identity, e = identity;
    int64_t i = j;
    for (; i + 3 * kept < n; i += 4 * kept) {
      a = combine_vectors<kCombine>(a, value(i));
      b = combine_vectors<kCombine>(b, value(i + kept));
      c = combine_vectors<kCombine>(c, value(i + 2 * kept));
      e = combine_vectors<kCombine>(e, value(i + 3 * kept));
    }
    for (; i < n; i += kept) a = combine_vectors<kCombine>(a, value(i));
    a = combine_vectors<kCombine>(combine_vectors<kCombine>(a, b), combine_vectors<kCombine>(c, e));
    hn::StoreU(a, d, sums + j);
  }
}

template <Combine kCombine>
void flush(double* HWY_RESTRICT total, float* HWY_RESTRICT acc, int64_t n) {
  const hn::CappedTag<double, 8> d;
  const hn::Rebind<float, decltype(d)> df;
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  const float identity = static_cast<float>(identity_of(kCombine));
  int64_t i = 0;
  if constexpr (kCombine == Combine::sum)
    for (; i + step <= n; i += step) {
      const auto more = hn::PromoteTo(d, hn::LoadU(df, acc + i));
      hn::StoreU(hn::Add(hn::LoadU(d, total + i), more), d, total + i);
      hn::StoreU(hn::Zero(df), df, acc + i);
    }
  for (; i < n; ++i) {
    total[i] = combined(kCombine, total[i], acc[i]);
    acc[i] = identity;
  }
}

template <Combine kCombine>
void fold(double* total, int64_t kept, int64_t width) {
  const hn::CappedTag<double, 8> d;
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t from = kept; from < width; from += kept) {
    const int64_t count = std::min(kept, width - from);
    int64_t i = 0;
    if constexpr (kCombine == Combine::sum)
      for (; i + step <= count; i += step)
        hn::StoreU(hn::Add(hn::LoadU(d, total + i), hn::LoadU(d, total + from + i)), d, total + i);
    for (; i < count; ++i) total[i] = combined(kCombine, total[i], total[from + i]);
  }
}

int64_t lanes() { return static_cast<int64_t>(hn::Lanes(D())); }

double reduce_by(Combine combine, const float* in, size_t mask, int64_t n) {
  switch (combine) {
    case Combine::sum: return reduce<Combine::sum>(in, mask, n);
    case Combine::max: return reduce<Combine::max>(in, mask, n);
    case Combine::min: return reduce<Combine::min>(in, mask, n);
    case Combine::prod: return reduce<Combine::prod>(in, mask, n);
  }
  return 0;
}

void accumulate_by(Combine combine, float* acc, const float* in, size_t mask, int64_t n) {
  switch (combine) {
    case Combine::sum: return accumulate<Combine::sum>(acc, in, mask, n);
    case Combine::max: return accumulate<Combine::max>(acc, in, mask, n);
    case Combine::min: return accumulate<Combine::min>(acc, in, mask, n);
    case Combine::prod: return accumulate<Combine::prod>(acc, in, mask, n);
  }
}

void lanes_of_by(Combine combine, float* sums, int64_t kept, const float* in, size_t mask,
                 int64_t n) {
  switch (combine) {
    case Combine::sum: return lanes_of<Combine::sum>(sums, kept, in, mask, n);
    case Combine::max: return lanes_of<Combine::max>(sums, kept, in, mask, n);
    case Combine::min: return lanes_of<Combine::min>(sums, kept, in, mask, n);
    case Combine::prod: return lanes_of<Combine::prod>(sums, kept, in, mask, n);
  }
}

void flush_by(Combine combine, double* total, float* acc, int64_t n) {
  switch (combine) {
    case Combine::sum: return flush<Combine::sum>(total, acc, n);
    case Combine::max: return flush<Combine::max>(total, acc, n);
    case Combine::min: return flush<Combine::min>(total, acc, n);
    case Combine::prod: return flush<Combine::prod>(total, acc, n);
  }
}

void fold_by(Combine combine, double* total, int64_t kept, int64_t width) {
  switch (combine) {
    case Combine::sum: return fold<Combine::sum>(total, kept, width);
    case Combine::max: return fold<Combine::max>(total, kept, width);
    case Combine::min: return fold<Combine::min>(total, kept, width);
    case Combine::prod: return fold<Combine::prod>(total, kept, width);
  }
}

}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {

HWY_EXPORT(reduce_by);
HWY_EXPORT(accumulate_by);
HWY_EXPORT(lanes);
HWY_EXPORT(lanes_of_by);
HWY_EXPORT(flush_by);
HWY_EXPORT(fold_by);

double identity_of(Combine combine) {
  switch (combine) {
    case Combine::sum: return 0;
    case Combine::max: return -INFINITY;
    case Combine::min: return INFINITY;
    case Combine::prod: return 1;
  }
  return 0;
}

double combined(Combine combine, double a, double b) {
  switch (combine) {
    case Combine::sum: return a + b;
    case Combine::prod: return a * b;
    case Combine::max: return a != a || a > b ? a : b;
    case Combine::min: return a != a || a < b ? a : b;
  }
  return 0;
}

double reduce_tile(Combine combine, const float* in, size_t mask, int64_t n) {
  return HWY_DYNAMIC_DISPATCH(reduce_by)(combine, in, mask, n);
}

void accumulate_tile(Combine combine, float* acc, const float* in, size_t mask, int64_t n) {
  HWY_DYNAMIC_DISPATCH(accumulate_by)(combine, acc, in, mask, n);
}

namespace {
constexpr int64_t kMostLanes = 64;
}

bool has_lanes(int64_t kept) {
  return kept <= kMostLanes && kept % HWY_DYNAMIC_DISPATCH(lanes)() == 0;
}

void reduce_lanes(Combine combine, double* total, int64_t kept, const float* in, size_t mask,
                  int64_t n) {
  float sums[kMostLanes];
  HWY_DYNAMIC_DISPATCH(lanes_of_by)(combine, sums, kept, in, mask, n);
  for (int64_t i = 0; i < kept; ++i) total[i] = combined(combine, total[i], sums[i]);
}

void flush_accumulators(Combine combine, double* total, float* acc, int64_t n) {
  HWY_DYNAMIC_DISPATCH(flush_by)(combine, total, acc, n);
}

void fold_totals(Combine combine, double* total, int64_t kept, int64_t width) {
  HWY_DYNAMIC_DISPATCH(fold_by)(combine, total, kept, width);
}

}  // namespace cairn::cpu
#endif
