#include "cairn/backend/cpu/int8/moves.h"

#include <algorithm>
#include <cmath>
#include <cstring>

// clang-format off: Highway wants this order
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/int8/moves.cpp"
#include "cairn/backend/cpu/simd_targets.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::int8::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<DF>;
using D8 = hn::Rebind<uint8_t, DF>;
using VF = hn::Vec<DF>;
using VI = hn::Vec<DI>;
constexpr int64_t kLanes = HWY_LANES(float);

HWY_INLINE VF load_bytes(const uint8_t* p) {
  return hn::ConvertTo(DF(), hn::PromoteTo(DI(), hn::LoadU(D8(), p)));
}

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
HWY_INLINE VF fused(VF a, VF factor, VF offset) { return hn::MulAdd(a, factor, offset); }
HWY_INLINE void store_bytes(VF v, VF low, uint8_t* y) {
  const VF kept = hn::Min(hn::Max(v, low), hn::Set(DF(), qlinear::kTop));
  hn::StoreU(hn::DemoteTo(D8(), hn::NearestInt(kept)), D8(), y);
}
#else  // elsewhere Highway's multiply-add may round twice, and its plain NearestInt takes
       // 0.49999997 to 1
HWY_INLINE VF fused(VF a, VF factor, VF offset) {
  const DF d;
  HWY_ALIGN float v[kLanes], f[kLanes], o[kLanes];
  hn::Store(a, d, v), hn::Store(factor, d, f), hn::Store(offset, d, o);
  for (int64_t i = 0; i < kLanes; ++i) v[i] = std::fma(v[i], f[i], o[i]);
  return hn::Load(d, v);
}
HWY_INLINE void store_bytes(VF v, VF low, uint8_t* y) {
  HWY_ALIGN float each[kLanes];
  hn::Store(v, DF(), each);
  for (int64_t i = 0; i < kLanes; ++i) y[i] = qlinear::to_u8(each[i], hn::GetLane(low));
}
#endif

// Consecutive values; false: there is a NaN among them.
bool quantize_run(const float* x, int64_t count, qlinear::Line line, uint8_t* y) {
  const DF d;
  const VF factor = hn::Set(d, line.factor), offset = hn::Set(d, line.offset), zero = hn::Zero(d);
  auto bad = hn::IsNaN(zero);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const VF v = hn::LoadU(d, x + i);
    bad = hn::Or(bad, hn::IsNaN(v));
    store_bytes(fused(v, factor, offset), zero, y + i);
  }
  bool whole = hn::AllFalse(d, bad);
  for (; i < count; ++i) {
    whole &= !std::isnan(x[i]);
    y[i] = std::isnan(x[i]) ? 0 : qlinear::to_u8(line(x[i]), 0);
  }
  return whole;
}

constexpr int64_t kRun = 64;  // pixels whose channels are woven together at a time

// bytes [channels][kRun] -> y [count][channels], channels of one pixel `stride` apart from the
// next's.
void weave(const uint8_t* bytes, int64_t channels, int64_t count, int64_t stride, uint8_t* y) {
  if (channels == 3 && stride == 3) {
    const hn::CappedTag<uint8_t, 16> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
      hn::StoreInterleaved3(hn::LoadU(d, bytes + i), hn::LoadU(d, bytes + kRun + i),
                            hn::LoadU(d, bytes + 2 * kRun + i), d, y + 3 * i);
    for (; i < count; ++i)
      for (int64_t c = 0; c < 3; ++c) y[3 * i + c] = bytes[c * kRun + i];
    return;
  }
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t i = 0; i < count; ++i) y[i * stride + c] = bytes[c * kRun + i];
}

int64_t quantize(const float* x, int64_t channels, int64_t pixels, int64_t begin, int64_t end,
                 qlinear::Line line, uint8_t* y) {
  bool whole = true;
  if (channels == 1) {
    whole = quantize_run(x + begin, end - begin, line, y + begin);
  } else if (pixels == 1) {
    whole = quantize_run(x, channels, line, y);
  } else {
    constexpr int64_t kMostChannels = 64;
    uint8_t bytes[kMostChannels * kRun];
    for (int64_t p = begin; p < end; p += kRun)
      for (int64_t c = 0; c < channels; c += kMostChannels) {
        const int64_t count = std::min(kRun, end - p), here = std::min(kMostChannels, channels - c);
        for (int64_t i = 0; i < here; ++i)
          whole &= quantize_run(x + (c + i) * pixels + p, count, line, bytes + i * kRun);
        weave(bytes, here, count, channels, y + p * channels + c);
      }
  }
  if (whole) return -1;
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t p = begin; p < end; ++p)
      if (std::isnan(x[c * pixels + p])) return c * pixels + p;
  return -1;
}

void add(const uint8_t* a, const uint8_t* b, int64_t count, qlinear::Line first,
         qlinear::Line second, float low, uint8_t* y) {
  const DF d;
  const float offset = first.offset + second.offset;
  const VF f = hn::Set(d, first.factor), g = hn::Set(d, second.factor), o = hn::Set(d, offset),
           l = hn::Set(d, low);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    store_bytes(fused(load_bytes(b + i), g, fused(load_bytes(a + i), f, o)), l, y + i);
  for (; i < count; ++i)
    y[i] = qlinear::to_u8(std::fma(b[i], second.factor, std::fma(a[i], first.factor, offset)), low);
}

// The part of a pooling window that is inside, in one dimension.
struct Span {
  int64_t begin, end;
};
Span window(int64_t out, int64_t stride, int64_t pad, int64_t kernel, int64_t size) {
  const int64_t first = out * stride - pad;
  return {std::max<int64_t>(0, first), std::min(first + kernel, size)};
}

// Calls pixel(image, rows, columns, y) for each output pixel of rows [begin, end) of all images.
template <class F>
void each_pixel(const PoolShape& s, const uint8_t* x, int64_t begin, int64_t end, uint8_t* y,
                const F& pixel) {
  for (int64_t row = begin; row < end; ++row) {
    const uint8_t* image = x + row / s.out_height * s.height * s.width * s.channels;
    const Span rows = window(row % s.out_height, s.stride[0], s.pad[0], s.kernel[0], s.height);
    for (int64_t w = 0; w < s.out_width; ++w)
      pixel(image, rows, window(w, s.stride[1], s.pad[1], s.kernel[1], s.width),
            y + (row * s.out_width + w) * s.channels);
  }
}

void max_pool(const PoolShape& s, const uint8_t* x, int64_t begin, int64_t end, uint8_t* y) {
  const hn::ScalableTag<uint8_t> d;
  constexpr int64_t kBytes = HWY_LANES(uint8_t);
  each_pixel(s, x, begin, end, y,
             [&](const uint8_t* image, Span rows, Span columns, uint8_t* to) HWY_ATTR {
               int64_t c = 0;
               for (; c + kBytes <= s.channels; c += kBytes) {
                 auto most = hn::Zero(d);
                 for (int64_t h = rows.begin; h < rows.end; ++h)
                   for (int64_t w = columns.begin; w < columns.end; ++w)
                     most = hn::Max(most, hn::LoadU(d, image + (h * s.width + w) * s.channels + c));
                 hn::StoreU(most, d, to + c);
               }
               for (; c < s.channels; ++c) {
                 uint8_t most = 0;
                 for (int64_t h = rows.begin; h < rows.end; ++h)
                   for (int64_t w = columns.begin; w < columns.end; ++w)
                     most = std::max(most, image[(h * s.width + w) * s.channels + c]);
                 to[c] = most;
               }
             });
}

void average_pool(const PoolShape& s, const MeanParams& p, const uint8_t* x, int64_t begin,
                  int64_t end, uint8_t* y) {
  const DF d;
  const DI di;
  each_pixel(s, x, begin, end, y,
             [&](const uint8_t* image, Span rows, Span columns, uint8_t* to) HWY_ATTR {
               const int64_t all = s.kernel[0] * s.kernel[1],
                             inside = (rows.end - rows.begin) * (columns.end - columns.begin);
               const int64_t count = p.count_padding ? all : inside;
               const auto padded = static_cast<int32_t>((count - inside) * p.x_zero);
               const qlinear::Line line =
                   qlinear::line_of_mean(p.x_scale, p.x_zero, p.y_scale, p.y_zero, count);
               int64_t c = 0;
               for (; c + kLanes <= s.channels; c += kLanes) {
                 VI sum = hn::Set(di, padded);
                 for (int64_t h = rows.begin; h < rows.end; ++h)
                   for (int64_t w = columns.begin; w < columns.end; ++w)
                     sum = hn::Add(
                         sum, hn::PromoteTo(
                                  di, hn::LoadU(D8(), image + (h * s.width + w) * s.channels + c)));
                 store_bytes(
                     fused(hn::ConvertTo(d, sum), hn::Set(d, line.factor), hn::Set(d, line.offset)),
                     hn::Zero(d), to + c);
               }
               for (; c < s.channels; ++c) {
                 int32_t sum = padded;
                 for (int64_t h = rows.begin; h < rows.end; ++h)
                   for (int64_t w = columns.begin; w < columns.end; ++w)
                     sum += image[(h * s.width + w) * s.channels + c];
                 to[c] = qlinear::to_u8(line(static_cast<float>(sum)), 0);
               }
             });
}

}  // namespace
}  // namespace cairn::cpu::int8::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu::int8 {

HWY_EXPORT(quantize);
HWY_EXPORT(add);
HWY_EXPORT(max_pool);
HWY_EXPORT(average_pool);

int64_t quantize(const float* x, int64_t channels, int64_t pixels, int64_t begin, int64_t end,
                 qlinear::Line line, uint8_t* y) {
  return HWY_DYNAMIC_DISPATCH(quantize)(x, channels, pixels, begin, end, line, y);
}
void add(const uint8_t* a, const uint8_t* b, int64_t count, qlinear::Line first,
         qlinear::Line second, float low, uint8_t* y) {
  HWY_DYNAMIC_DISPATCH(add)(a, b, count, first, second, low, y);
}
void max_pool(const PoolShape& s, const uint8_t* x, int64_t begin, int64_t end, uint8_t* y) {
  HWY_DYNAMIC_DISPATCH(max_pool)(s, x, begin, end, y);
}
void average_pool(const PoolShape& s, const MeanParams& p, const uint8_t* x, int64_t begin,
                  int64_t end, uint8_t* y) {
  HWY_DYNAMIC_DISPATCH(average_pool)(s, p, x, begin, end, y);
}

}  // namespace cairn::cpu::int8
#endif
