#include "cairn/backend/cpu/region/tile_reduce.h"

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

void flush_by(Combine combine, double* total, float* acc, int64_t n) {
  switch (combine) {
    case Combine::sum: return flush<Combine::sum>(total, acc, n);
    case Combine::max: return flush<Combine::max>(total, acc, n);
    case Combine::min: return flush<Combine::min>(total, acc, n);
    case Combine::prod: return flush<Combine::prod>(total, acc, n);
  }
}

}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {

HWY_EXPORT(reduce_by);
HWY_EXPORT(accumulate_by);
HWY_EXPORT(flush_by);

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

void flush_accumulators(Combine combine, double* total, float* acc, int64_t n) {
  HWY_DYNAMIC_DISPATCH(flush_by)(combine, total, acc, n);
}

}  // namespace cairn::cpu
#endif
