#include "cairn/backend/cpu/region/tile_memory.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "cairn/backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/region/tile_memory.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using Vec = hn::Vec<D>;

struct Bool {
  uint8_t value;
};

// One element.
inline float to_f32(float v) { return v; }
inline float to_f32(hwy::bfloat16_t v) {
  return std::bit_cast<float>(static_cast<uint32_t>(v.bits) << 16);
}
inline float to_f32(hwy::float16_t v) {
  const hn::CappedTag<float, 4> d;
  HWY_ALIGN hwy::float16_t in[4] = {v};
  return hn::GetLane(hn::PromoteTo(d, hn::Load(hn::Rebind<hwy::float16_t, decltype(d)>(), in)));
}
inline float to_f32(Bool v) { return v.value != 0; }
template <class T>
inline float to_f32(T v) {
  return static_cast<float>(v);
}

template <class T>
struct FromF32 {
  static T convert(float v) {
    if (!(v == v)) return 0;
    constexpr float low = static_cast<float>(std::numeric_limits<T>::min());
    constexpr float high = static_cast<float>(std::numeric_limits<T>::max());  // may round up
    if (v <= low) return std::numeric_limits<T>::min();
    return v >= high ? std::numeric_limits<T>::max() : static_cast<T>(v);
  }
};
template <>
struct FromF32<float> {
  static float convert(float v) { return v; }
};
template <>
struct FromF32<hwy::bfloat16_t> {
  static hwy::bfloat16_t convert(float v) {
    const uint32_t bits = std::bit_cast<uint32_t>(v);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    const uint32_t rounded = nan ? bits | 0x400000u : bits + 0x7fffu + ((bits >> 16) & 1);
    return {static_cast<uint16_t>(rounded >> 16)};
  }
};
template <>
struct FromF32<hwy::float16_t> {
  static hwy::float16_t convert(float v) {
    const hn::CappedTag<float, 4> d;
    const hn::Rebind<hwy::float16_t, decltype(d)> dh;
    HWY_ALIGN hwy::float16_t out[4];
    hn::StoreU(hn::DemoteTo(dh, hn::Set(d, v)), dh, out);
    return out[0];
  }
};
template <>
struct FromF32<Bool> {
  static Bool convert(float v) { return {static_cast<uint8_t>(v != 0)}; }
};

// A vector of contiguous elements; has_vector says which types have one.
template <class T>
inline constexpr bool has_vector =
    std::is_same_v<T, float> || std::is_same_v<T, hwy::bfloat16_t> ||
    std::is_same_v<T, hwy::float16_t> || std::is_same_v<T, int32_t> || std::is_same_v<T, int8_t> ||
    std::is_same_v<T, uint8_t>;

template <class T>
HWY_INLINE Vec load_vector(const T* p) {
  const D d;
  const hn::RebindToSigned<D> di;
  if constexpr (std::is_same_v<T, float>) return hn::LoadU(d, p);
  else if constexpr (std::is_same_v<T, hwy::bfloat16_t>) {
    const hn::Rebind<uint16_t, D> du16;
    const hn::RebindToUnsigned<D> du32;
    const auto bits = hn::LoadU(du16, reinterpret_cast<const uint16_t*>(p));
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du32, bits)));
  } else if constexpr (std::is_same_v<T, hwy::float16_t>) {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::float16_t, D>(), p));
  } else if constexpr (std::is_same_v<T, int32_t>) {
    return hn::ConvertTo(d, hn::LoadU(di, p));
  } else {
    return hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(hn::Rebind<T, D>(), p)));
  }
}

template <class T>
void load_run(const void* from, int64_t stride, int64_t n, float* HWY_RESTRICT out) {
  const D d;
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  const T* p = static_cast<const T*>(from);
  int64_t i = 0;
  if (stride == 0) {
    const float value = to_f32(*p);
    const Vec v = hn::Set(d, value);
    for (; i + step <= n; i += step) hn::StoreU(v, d, out + i);
    for (; i < n; ++i) out[i] = value;
    return;
  }
  if (stride == 1) {
    if constexpr (has_vector<T>)
      for (; i + step <= n; i += step) hn::StoreU(load_vector(p + i), d, out + i);
    for (; i < n; ++i) out[i] = to_f32(p[i]);
    return;
  }
  for (; i + 4 <= n; i += 4) {
    const T* q = p + i * stride;
    const float a = to_f32(q[0]), b = to_f32(q[stride]), c = to_f32(q[2 * stride]);
    out[i] = a, out[i + 1] = b, out[i + 2] = c, out[i + 3] = to_f32(q[3 * stride]);
  }
  for (; i < n; ++i) out[i] = to_f32(p[i * stride]);
}

// out[r][c] = in[c * stride + r], down the columns, which are contiguous.
template <class T>
void load_columns(const void* from, int64_t stride, int64_t rows, int64_t columns,
                  float* HWY_RESTRICT out) {
  const T* p = static_cast<const T*>(from);
  int64_t c = 0;
  for (; c + 4 <= columns; c += 4) {
    const T *a = p + c * stride, *b = a + stride, *e = b + stride, *f = e + stride;
    for (int64_t r = 0; r < rows; ++r) {
      float* to = out + r * columns + c;
      to[0] = to_f32(a[r]), to[1] = to_f32(b[r]), to[2] = to_f32(e[r]), to[3] = to_f32(f[r]);
    }
  }
  for (; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r) out[r * columns + c] = to_f32(p[c * stride + r]);
}
void load_f32_columns(const void* from, int64_t stride, int64_t rows, int64_t columns, float* out) {
  load_columns<float>(from, stride, rows, columns, out);
}

template <class T>
inline constexpr bool has_vector_store =
    std::is_same_v<T, float> || std::is_same_v<T, hwy::bfloat16_t> ||
    std::is_same_v<T, hwy::float16_t>;
template <class T>
HWY_INLINE void store_vector(Vec v, T* p) {
  const D d;
  if constexpr (std::is_same_v<T, float>) hn::StoreU(v, d, p);
  else if constexpr (std::is_same_v<T, hwy::float16_t>) {
    const hn::Rebind<hwy::float16_t, D> dh;
    hn::StoreU(hn::DemoteTo(dh, v), dh, p);
  } else {
    const hn::RebindToUnsigned<D> du;
    const hn::Rebind<uint16_t, D> du16;
    const auto bits = hn::BitCast(du, v);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
    const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fffu)));
    const auto quiet = hn::Or(bits, hn::Set(du, 0x400000u));
    const auto nan = hn::RebindMask(du, hn::IsNaN(v));
    const auto high = hn::ShiftRight<16>(hn::IfThenElse(nan, quiet, rounded));
    const hn::RebindToSigned<D> di;
    hn::StoreU(hn::DemoteTo(du16, hn::BitCast(di, high)), du16, reinterpret_cast<uint16_t*>(p));
  }
}

template <class T>
void store_run(const float* in, int64_t n, void* to, int64_t stride) {
  const int64_t step = static_cast<int64_t>(hn::Lanes(D()));
  T* p = static_cast<T*>(to);
  int64_t i = 0;
  if constexpr (has_vector_store<T>)
    if (stride == 1)
      for (; i + step <= n; i += step) store_vector(hn::LoadU(D(), in + i), p + i);
  for (; i < n; ++i) p[i * stride] = FromF32<T>::convert(in[i]);
}

void stream(const float* in, int64_t n, float* out) {
  const D d;
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  while (i < n && reinterpret_cast<uintptr_t>(out + i) % (4 * step)) out[i] = in[i], ++i;
  for (; i + step <= n; i += step) hn::Stream(hn::LoadU(d, in + i), d, out + i);
  for (; i < n; ++i) out[i] = in[i];
}

LoadRun load_run_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return load_run<float>;
    case DType::bf16: return load_run<hwy::bfloat16_t>;
    case DType::f16: return load_run<hwy::float16_t>;
    case DType::i8: return load_run<int8_t>;
    case DType::u8: return load_run<uint8_t>;
    case DType::i32: return load_run<int32_t>;
    case DType::i64: return load_run<int64_t>;
    case DType::boolean: return load_run<Bool>;
    default: return nullptr;
  }
}
StoreRun store_run_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return store_run<float>;
    case DType::bf16: return store_run<hwy::bfloat16_t>;
    case DType::f16: return store_run<hwy::float16_t>;
    case DType::i8: return store_run<int8_t>;
    case DType::u8: return store_run<uint8_t>;
    case DType::i32: return store_run<int32_t>;
    case DType::i64: return store_run<int64_t>;
    case DType::boolean: return store_run<Bool>;
    default: return nullptr;
  }
}

}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {

HWY_EXPORT(load_run_of);
HWY_EXPORT(store_run_of);
HWY_EXPORT(stream);
HWY_EXPORT(load_f32_columns);

LoadRun load_run_for(DType dtype) { return HWY_DYNAMIC_DISPATCH(load_run_of)(dtype); }
StoreRun store_run_for(DType dtype) { return HWY_DYNAMIC_DISPATCH(store_run_of)(dtype); }
void stream_tile(const float* in, int64_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(stream)(in, n, out);
}
void finish_streaming() { hwy::FlushStream(); }

Levels merged_levels(const int64_t* sizes, const int64_t* strides, int rank) {
  Levels levels;
  for (int d = 0; d < rank; ++d) {
    if (sizes[d] == 1) continue;
    if (!levels.empty() && levels.back().stride == strides[d] * sizes[d])
      levels.back() = {levels.back().size * sizes[d], strides[d]};
    else levels.push_back({sizes[d], strides[d]});
  }
  return levels;
}

namespace {

// Calls run(element offset, stride, count) for the pieces of [start, start + n) that lie in one
// innermost run each.
template <class Run>
void for_each_run(const Levels& levels, int64_t start, int64_t n, Run run) {
  const int last = levels.ssize() - 1;
  int64_t index[kMaxLevels];
  int64_t offset = 0, rest = start;
  for (int d = last; d >= 0; --d) {
    index[d] = rest % levels[d].size;
    rest /= levels[d].size;
    offset += index[d] * levels[d].stride;
  }
  const Level inner = levels[last];
  while (n > 0) {
    const int64_t count = std::min(n, inner.size - index[last]);
    run(offset, inner.stride, count);
    n -= count;
    offset -= index[last] * inner.stride;
    index[last] = 0;
    for (int d = last - 1; d >= 0; --d) {
      offset += levels[d].stride;
      if (++index[d] < levels[d].size) break;
      offset -= levels[d].stride * levels[d].size;
      index[d] = 0;
    }
  }
}

}  // namespace

void load_tile(LoadRun run, size_t element_size, const void* p, const Levels& levels, int64_t start,
               int64_t n, float* out) {
  const char* bytes = static_cast<const char*>(p);
  const int64_t size = static_cast<int64_t>(element_size);
  if (levels.empty()) return run(p, 0, n, out);
  if (levels.ssize() == 1)
    return run(bytes + start * levels[0].stride * size, levels[0].stride, n, out);
  const Level rows = levels[0], columns = levels.back();
  if (run == load_run_for(DType::f32) && levels.ssize() == 2 && rows.stride == 1 && start == 0 &&
      n == rows.size * columns.size)
    return HWY_DYNAMIC_DISPATCH(load_f32_columns)(p, columns.stride, rows.size, columns.size, out);
  for_each_run(levels, start, n, [&](int64_t offset, int64_t stride, int64_t count) {
    run(bytes + offset * size, stride, count, out);
    out += count;
  });
}

void store_tile(StoreRun run, size_t element_size, const float* in, void* p, const Levels& levels,
                int64_t start, int64_t n) {
  char* bytes = static_cast<char*>(p);
  const int64_t size = static_cast<int64_t>(element_size);
  if (levels.empty()) return run(in, 1, p, 0);
  if (levels.ssize() == 1)
    return run(in, n, bytes + start * levels[0].stride * size, levels[0].stride);
  for_each_run(levels, start, n, [&](int64_t offset, int64_t stride, int64_t count) {
    run(in, count, bytes + offset * size, stride);
    in += count;
  });
}

}  // namespace cairn::cpu
#endif
