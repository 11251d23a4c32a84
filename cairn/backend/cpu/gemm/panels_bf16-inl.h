// What the products of bf16 share, with AVX-512 BF16 and with AMX (re-included per target).
#if defined(CAIRN_PANELS_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_PANELS_BF16_INL_H_
#undef CAIRN_PANELS_BF16_INL_H_
#else
#define CAIRN_PANELS_BF16_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "cairn/backend/cpu/bf16-inl.h"
#include "cairn/backend/cpu/gemm/panels_bf16.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::panels_bf16::HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3

namespace hn = hwy::HWY_NAMESPACE;
using cpu::HWY_NAMESPACE::narrowed;
using cpu::HWY_NAMESPACE::paired;

using D = hn::FixedTag<float, 16>;
using H = hn::FixedTag<uint16_t, 16>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = 16;

// Adds what the sums begin with and stores them: `count` lanes from `column` on of one row of C.
HWY_INLINE void finish(const Product& p, V sum, int64_t row, int64_t column, int64_t count) {
  const D d;
  const H h;
  float* wide = static_cast<float*>(p.c) + row * p.c_row + column;
  uint16_t* narrow = static_cast<uint16_t*>(p.c) + row * p.c_row + column;
  const float* init = p.init ? p.init + row * p.init_row + column : nullptr;
  if (count >= kLanes) {
    if (p.init) sum = hn::Add(sum, hn::LoadU(d, init));
    if (p.bias) sum = hn::Add(sum, hn::LoadU(d, p.bias + column));
    if (p.narrow) hn::StoreU(narrowed(sum), h, narrow);
    else hn::StoreU(sum, d, wide);
  } else if (count > 0) {
    const size_t some = static_cast<size_t>(count);
    const auto mask = hn::FirstN(d, some);
    if (p.init) sum = hn::Add(sum, hn::MaskedLoad(mask, d, init));
    if (p.bias) sum = hn::Add(sum, hn::MaskedLoad(mask, d, p.bias + column));
    if (p.narrow) hn::BlendedStore(narrowed(sum), hn::FirstN(h, some), h, narrow);
    else hn::BlendedStore(sum, mask, d, wide);
  }
}

// Rows of a whole panel. What is asked of each is known beforehand.
template <bool kInit, bool kNarrow>
HWY_INLINE void finish_panel(const Product& p, const float* sums, int64_t rows) {
  const D d;
  const V zero = hn::Zero(d);
  const V bias_left = p.bias ? hn::LoadU(d, p.bias) : zero,
          bias_right = p.bias ? hn::LoadU(d, p.bias + kLanes) : zero;
  const float* init = p.init;
  auto* wide = static_cast<float*>(p.c);
  auto* narrow = static_cast<uint16_t*>(p.c);
  const int64_t init_row = p.init_row, c_row = p.c_row;
  const bool biased = p.bias != nullptr;
  for (int64_t r = 0; r < rows; ++r, sums += kPanel) {
    V left = hn::Load(d, sums), right = hn::Load(d, sums + kLanes);
    if constexpr (kInit) {
      left = hn::Add(left, hn::LoadU(d, init)), right = hn::Add(right, hn::LoadU(d, init + kLanes));
      init += init_row;
    }
    if (biased) left = hn::Add(left, bias_left), right = hn::Add(right, bias_right);
    if constexpr (kNarrow) {
      hn::StoreU(narrowed(left, right), hn::FixedTag<uint16_t, 32>(), narrow);
      narrow += c_row;
    } else {
      hn::StoreU(left, d, wide), hn::StoreU(right, d, wide + kLanes);
      wide += c_row;
    }
  }
}

// A loop over sums in memory: unrolled for each height of tile, it would not stay in the
// instruction cache.
HWY_NOINLINE inline void finish_rows(const Product& p, const float* sums, int64_t rows) {
  if (p.columns >= kPanel) {
    if (p.init)
      return p.narrow ? finish_panel<true, true>(p, sums, rows)
                      : finish_panel<true, false>(p, sums, rows);
    return p.narrow ? finish_panel<false, true>(p, sums, rows)
                    : finish_panel<false, false>(p, sums, rows);
  }
  const D d;
  for (int64_t r = 0; r < rows; ++r, sums += kPanel) {
    finish(p, hn::Load(d, sums), r, 0, p.columns);
    finish(p, hn::Load(d, sums + kLanes), r, kLanes, p.columns - kLanes);
  }
}

// `count` numbers, the rest zero.
HWY_INLINE hn::Vec<H> load_some(const float* from, int64_t count) {
  const D d;
  if (count >= kLanes) return narrowed(hn::LoadU(d, from));
  return narrowed(
      hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(std::max<int64_t>(0, count))), d, from));
}
HWY_INLINE hn::Vec<H> load_some(const uint16_t* from, int64_t count) {
  const H h;
  if (count >= kLanes) return hn::LoadU(h, from);
  return hn::MaskedLoad(hn::FirstN(h, static_cast<size_t>(std::max<int64_t>(0, count))), h, from);
}

#endif

}  // namespace cairn::cpu::panels_bf16::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
