#include "cairn/backend/cpu/pool/kernels.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "cairn/backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/pool/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// Bodies of loops that GCC 12 would call otherwise: averages are four times as slow then.
#undef CAIRN_INLINED
#define CAIRN_INLINED __attribute__((always_inline))

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The part of a window that lies inside the input, along one dimension, and where the window
// starts.
struct Span {
  int64_t begin, end, start;
};
enum class Places { dense, spaced };  // spaced: by the dilation
template <Places kPlaces>
HWY_INLINE Span inside(const PoolShape& s, int d, int64_t out) {
  const int64_t start = out * s.stride[d] - s.pad[d];
  if constexpr (kPlaces == Places::dense)
    return {std::max<int64_t>(0, start), std::min(s.in[d], start + s.kernel[d]), start};
  const int64_t apart = s.dilation[d];
  return {start >= 0 ? start : start + (apart - 1 - start) / apart * apart,
          std::min(s.in[d], start + apart * (s.kernel[d] - 1) + 1), start};
}

// Calls window(output place, spans) for every output of a plane.
template <Places kPlaces, class F>
HWY_INLINE void each_window(const PoolShape& s, F window) {
  int64_t place = 0;
  for (int64_t d = 0; d < s.out[0]; ++d) {
    const Span depth = inside<kPlaces>(s, 0, d);
    for (int64_t h = 0; h < s.out[1]; ++h) {
      const Span rows = inside<kPlaces>(s, 1, h);
      for (int64_t w = 0; w < s.out[2]; ++w) window(place++, depth, rows, inside<kPlaces>(s, 2, w));
    }
  }
}
// Calls visit(input place) for every place of a window.
template <Places kPlaces, class F>
HWY_INLINE void each_place(const PoolShape& s, Span depth, Span rows, Span columns, F visit) {
  constexpr bool kDense = kPlaces == Places::dense;
  for (int64_t d = depth.begin; d < depth.end; d += kDense ? 1 : s.dilation[0])
    for (int64_t h = rows.begin; h < rows.end; h += kDense ? 1 : s.dilation[1]) {
      const int64_t row = (d * s.in[1] + h) * s.in[2];
      for (int64_t w = columns.begin; w < columns.end; w += kDense ? 1 : s.dilation[2])
        visit(row + w);
    }
}

// Padding counts as far as there is any: what ceil_mode's last window has beyond it does not.
HWY_INLINE int64_t padded(const PoolShape& s, int d, Span span) {
  return std::min(s.kernel[d], s.in[d] + s.pad[d] - span.start);
}
HWY_INLINE float share(const PoolShape& s, Span depth, Span rows, Span columns) {
  int64_t count = s.divisor;
  if (count == 0 && s.count_padding)
    count = s.cut ? padded(s, 0, depth) * padded(s, 1, rows) * padded(s, 2, columns)
                  : s.kernel[0] * s.kernel[1] * s.kernel[2];
  else if (count == 0)
    count = (depth.end - depth.begin) * (rows.end - rows.begin) * (columns.end - columns.begin);
  return 1.0f / static_cast<float>(std::max<int64_t>(1, count));
}

// The share of every window, where all have the same; else 0.
HWY_INLINE float common_share(const PoolShape& s) {
  const bool whole = !s.cut && (s.count_padding || s.pad[0] + s.pad[1] + s.pad[2] == 0);
  if (s.divisor == 0 && !whole) return 0;
  const int64_t count = s.divisor ? s.divisor : s.kernel[0] * s.kernel[1] * s.kernel[2];
  return 1.0f / static_cast<float>(count);
}

// Plain planes of windows of 2 x 2 side by side: a vector of windows at a time, from two rows.
HWY_INLINE bool side_by_side(const PoolShape& s) {
  return s.lanes == 1 && s.kernel[0] * s.stride[0] == 1 && s.kernel[1] == 2 && s.kernel[2] == 2 &&
         s.stride[1] == 2 && s.stride[2] == 2 && s.pad[0] + s.pad[1] + s.pad[2] == 0 &&
         2 * s.out[1] <= s.in[1] && 2 * s.out[2] <= s.in[2];
}
// Calls windows(d, place of the first window, place of its upper left corner) until all are seen.
template <class F>
HWY_INLINE void each_pair_of_rows(const PoolShape& s, F windows) {
  const hn::CappedTag<float, 16> wide;
  const hn::CappedTag<float, 4> narrow;
  const auto step = static_cast<int64_t>(hn::Lanes(wide));
  for (int64_t r = 0; r < s.out[0] * s.out[1]; ++r) {
    const int64_t from = (r / s.out[1] * s.in[1] + 2 * (r % s.out[1])) * s.in[2];
    int64_t w = 0;
    for (; w + step <= s.out[2]; w += step) windows(wide, r * s.out[2] + w, from + 2 * w);
    for (; w + 4 <= s.out[2]; w += 4) windows(narrow, r * s.out[2] + w, from + 2 * w);
    for (; w < s.out[2]; ++w) windows(hn::CappedTag<float, 1>(), r * s.out[2] + w, from + 2 * w);
  }
}
HWY_INLINE void avg_side_by_side(const PoolShape& s, float share, const float* x, float* y) {
  each_pair_of_rows(s, [&](auto d, int64_t to, int64_t from) CAIRN_INLINED {
    hn::Vec<decltype(d)> a, b, c, e;
    hn::LoadInterleaved2(d, x + from, a, b);
    hn::LoadInterleaved2(d, x + from + s.in[2], c, e);
    const auto sum = hn::Add(hn::Add(hn::Add(a, b), c), e);
    hn::StoreU(hn::Mul(sum, hn::Set(d, share)), d, y + to);
  });
}
HWY_INLINE void spread_side_by_side(const PoolShape& s, float share, const float* g, float* gx) {
  each_pair_of_rows(s, [&](auto d, int64_t from, int64_t to) CAIRN_INLINED {
    const auto value = hn::Mul(hn::LoadU(d, g + from), hn::Set(d, share));
    hn::StoreInterleaved2(value, value, d, gx + to);
    hn::StoreInterleaved2(value, value, d, gx + to + s.in[2]);
  });
}

// The first of the largest; NaN wins. kTold: where it is, too.
template <bool kTold, Places kPlaces, class D>
HWY_INLINE void max_window(const PoolShape& s, D d, const float* x, Span depth, Span rows,
                           Span columns, float* y, int32_t* index) {
  const hn::RebindToSigned<D> di;
  const int64_t start = (depth.begin * s.in[1] + rows.begin) * s.in[2] + columns.begin;
  auto best = hn::LoadU(d, x + start * s.lanes);
  auto at = hn::Set(di, static_cast<int32_t>(start));
  each_place<kPlaces>(s, depth, rows, columns, [&](int64_t place) {
    const auto v = hn::LoadU(d, x + place * s.lanes);
    const auto better = hn::AndNot(hn::IsNaN(best), hn::Not(hn::Le(v, best)));
    best = hn::IfThenElse(better, v, best);
    if constexpr (kTold)
      at = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, static_cast<int32_t>(place)), at);
  });
  hn::StoreU(best, d, y);
  if constexpr (kTold) hn::StoreU(at, di, index);
}

// As max_window, from the upper left corner on.
template <bool kTold>
HWY_INLINE void max_side_by_side(const PoolShape& s, const float* x, float* y, int32_t* index) {
  each_pair_of_rows(s, [&](auto d, int64_t to, int64_t from) CAIRN_INLINED {
    const hn::RebindToSigned<decltype(d)> di;
    const auto row = static_cast<int32_t>(s.in[2]);
    hn::Vec<decltype(d)> best, b, c, e;
    hn::LoadInterleaved2(d, x + from, best, b);
    hn::LoadInterleaved2(d, x + from + row, c, e);
    const auto corner =
        hn::Add(hn::ShiftLeft<1>(hn::Iota(di, 0)), hn::Set(di, static_cast<int32_t>(from)));
    auto at = corner;
    const auto meet = [&](auto v, int32_t place) CAIRN_INLINED {
      const auto better = hn::AndNot(hn::IsNaN(best), hn::Not(hn::Le(v, best)));
      best = hn::IfThenElse(better, v, best);
      if constexpr (kTold)
        at = hn::IfThenElse(hn::RebindMask(di, better), hn::Add(corner, hn::Set(di, place)), at);
    };
    meet(b, 1), meet(c, row), meet(e, row + 1);
    hn::StoreU(best, d, y + to);
    if constexpr (kTold) hn::StoreU(at, di, index + to);
  });
}

template <bool kTold, Places kPlaces, class D>
HWY_INLINE void max_plane(const PoolShape& s, D d, const float* x, float* y, int32_t* index) {
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  if (kPlaces == Places::dense && side_by_side(s)) return max_side_by_side<kTold>(s, x, y, index);
  each_window<kPlaces>(s, [&](int64_t place, Span depth, Span rows, Span columns) {
    for (int64_t l = 0; l < s.lanes; l += step)
      max_window<kTold, kPlaces>(s, d, x + l, depth, rows, columns, y + place * s.lanes + l,
                                 kTold ? index + place * s.lanes + l : nullptr);
  });
}

HWY_INLINE bool is_ragged(const PoolShape& s, int64_t plane) {
  return s.last_lanes != s.lanes && plane % s.blocks == s.blocks - 1;
}

template <bool kTold, Places kPlaces>
void max_planes(const PoolShape& s, const float* x, float* y, int32_t* index, int64_t first,
                int64_t last) {
  for (int64_t p = first; p < last; ++p) {
    const float* from = x + p * s.in_places() * s.lanes;
    float* to = y + p * s.out_places() * s.lanes;
    int32_t* at = kTold ? index + p * s.out_places() * s.lanes : nullptr;
    if (s.lanes == 1) max_plane<kTold, kPlaces>(s, hn::CappedTag<float, 1>(), from, to, at);
    else if (s.lanes % 16 == 0)
      max_plane<kTold, kPlaces>(s, hn::CappedTag<float, 16>(), from, to, at);
    else max_plane<kTold, kPlaces>(s, hn::CappedTag<float, 8>(), from, to, at);
    if (!kTold || !is_ragged(s, p)) continue;
    for (int64_t o = 0; o < s.out_places(); ++o)
      for (int64_t l = s.last_lanes; l < s.lanes; ++l) at[o * s.lanes + l] = 0;
  }
}

void max_pool_planes(const PoolShape& s, const float* x, float* y, int32_t* index, int64_t first,
                     int64_t last) {
  const bool dense = s.dilation[0] * s.dilation[1] * s.dilation[2] == 1;
  const auto planes = [&](auto told) {
    constexpr bool kTold = decltype(told)::value;
    (dense ? max_planes<kTold, Places::dense> : max_planes<kTold, Places::spaced>)(s, x, y, index,
                                                                                   first, last);
  };
  if (index) planes(std::true_type());
  else planes(std::false_type());
}

template <class D>
HWY_INLINE void avg_plane(const PoolShape& s, D d, const float* x, float* y) {
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  const float common = common_share(s);
  if (common != 0 && side_by_side(s)) return avg_side_by_side(s, common, x, y);
  each_window<Places::dense>(
      s, [&](int64_t place, Span depth, Span rows, Span columns) CAIRN_INLINED {
        const auto scale = hn::Set(d, common > 0 ? common : share(s, depth, rows, columns));
        for (int64_t l = 0; l < s.lanes; l += step) {
          auto sum = hn::Zero(d);
          each_place<Places::dense>(s, depth, rows, columns, [&](int64_t from) CAIRN_INLINED {
            sum = hn::Add(sum, hn::LoadU(d, x + from * s.lanes + l));
          });
          hn::StoreU(hn::Mul(sum, scale), d, y + place * s.lanes + l);
        }
      });
}
void avg_pool_planes(const PoolShape& s, const float* x, float* y, int64_t first, int64_t last) {
  for (int64_t p = first; p < last; ++p) {
    const float* from = x + p * s.in_places() * s.lanes;
    float* to = y + p * s.out_places() * s.lanes;
    if (s.lanes == 1) avg_plane(s, hn::CappedTag<float, 1>(), from, to);
    else if (s.lanes % 16 == 0) avg_plane(s, hn::CappedTag<float, 16>(), from, to);
    else avg_plane(s, hn::CappedTag<float, 8>(), from, to);
  }
}

template <class D>
HWY_INLINE void spread_plane(const PoolShape& s, D d, const float* g, float* gx) {
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  std::memset(gx, 0, sizeof(float) * static_cast<size_t>(s.in_places() * s.lanes));
  const float common = common_share(s);
  if (common != 0 && side_by_side(s)) return spread_side_by_side(s, common, g, gx);
  each_window<Places::dense>(
      s, [&](int64_t place, Span depth, Span rows, Span columns) CAIRN_INLINED {
        const auto scale = hn::Set(d, common > 0 ? common : share(s, depth, rows, columns));
        for (int64_t l = 0; l < s.lanes; l += step) {
          const auto value = hn::Mul(hn::LoadU(d, g + place * s.lanes + l), scale);
          each_place<Places::dense>(s, depth, rows, columns, [&](int64_t to) CAIRN_INLINED {
            float* target = gx + to * s.lanes + l;
            hn::StoreU(hn::Add(hn::LoadU(d, target), value), d, target);
          });
        }
      });
}
void avg_pool_spread_planes(const PoolShape& s, const float* g, float* gx, int64_t first,
                            int64_t last) {
  for (int64_t p = first; p < last; ++p) {
    const float* from = g + p * s.out_places() * s.lanes;
    float* to = gx + p * s.in_places() * s.lanes;
    if (s.lanes == 1) spread_plane(s, hn::CappedTag<float, 1>(), from, to);
    else if (s.lanes % 16 == 0) spread_plane(s, hn::CappedTag<float, 16>(), from, to);
    else spread_plane(s, hn::CappedTag<float, 8>(), from, to);
  }
}

}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {

HWY_EXPORT(max_pool_planes);
HWY_EXPORT(avg_pool_planes);
HWY_EXPORT(avg_pool_spread_planes);

void max_pool(const PoolShape& s, const float* x, float* y, int32_t* index, int64_t first,
              int64_t last) {
  HWY_DYNAMIC_DISPATCH(max_pool_planes)(s, x, y, index, first, last);
}
void avg_pool(const PoolShape& s, const float* x, float* y, int64_t first, int64_t last) {
  HWY_DYNAMIC_DISPATCH(avg_pool_planes)(s, x, y, first, last);
}
void avg_pool_spread(const PoolShape& s, const float* g, float* gx, int64_t first, int64_t last) {
  HWY_DYNAMIC_DISPATCH(avg_pool_spread_planes)(s, g, gx, first, last);
}

void max_pool_scatter(const PoolShape& s, const float* g, const int32_t* index, float* gx,
                      int64_t first, int64_t last) {
  const int64_t outs = s.out_places() * s.lanes, ins = s.in_places() * s.lanes;
  for (int64_t p = first; p < last; ++p) {
    float* target = gx + p * ins;
    std::memset(target, 0, sizeof(float) * static_cast<size_t>(ins));
    for (int64_t o = 0; o < outs; o += s.lanes)
      for (int64_t l = 0; l < s.lanes; ++l)
        target[index[p * outs + o + l] * s.lanes + l] += g[p * outs + o + l];
  }
}
void max_pool_pick(const PoolShape& s, const float* x, const int32_t* index, float* y,
                   int64_t first, int64_t last) {
  const int64_t outs = s.out_places() * s.lanes, ins = s.in_places() * s.lanes;
  for (int64_t p = first; p < last; ++p)
    for (int64_t o = 0; o < outs; o += s.lanes)
      for (int64_t l = 0; l < s.lanes; ++l)
        y[p * outs + o + l] = x[p * ins + index[p * outs + o + l] * s.lanes + l];
}

}  // namespace cairn::cpu
#endif
