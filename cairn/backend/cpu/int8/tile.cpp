// u8 times s8 on each instruction set:
//  - AMX: TDPBUSD adds 64 products to each of 16 x 16 sums in i32, exactly.
//  - AVX-512 VNNI: VPDPBUSD adds four products a lane to i32, exactly.
//  - AVX2, AVX-512 without VNNI: VPMADDUBSW would be the instruction, but the sum of its two
//  products saturates at i16
//    (255 * 127 * 2 > 32767). So weights are packed as i16, activations are widened by a mask and a
//    shift, and VPMADDWD multiplies: two products of 16 bits a lane, summed in i32, exactly.
//  - elsewhere plain loops.
// Sums are integers, so their order does not matter; the floats that follow are the same operations
// in each.
#include "cairn/backend/cpu/int8/tile.h"

#include <algorithm>
#include <cstring>

#include "cairn/backend/cpu/x86_extensions.h"
#include "cairn/base/round.h"
#include "cairn/ops/qlinear_math.h"

// clang-format off: Highway wants this order
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/int8/tile.cpp"
#include "cairn/backend/cpu/simd_targets.h"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// clang-format on

#include "cairn/backend/cpu/amx-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::int8::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
using DI = hn::ScalableTag<int32_t>;
using DF = hn::ScalableTag<float>;
using VI = hn::Vec<DI>;
using VF = hn::Vec<DF>;
constexpr int64_t kLanes = HWY_LANES(int32_t);

HWY_INLINE VI four_terms(const uint8_t* a) {  // of one pixel, in every lane
  int32_t word;
  std::memcpy(&word, a, sizeof word);
  return hn::Set(DI(), word);
}

HWY_INLINE void store_bytes(VF v, uint8_t* y) {  // v is not negative
#if HWY_TARGET == HWY_AVX3
  // Saturates at 255, whatever is above; what i32 cannot hold becomes 2^31, which saturates too.
  const __m128i bytes = _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(v.raw));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y), bytes);
#else
  const VI q = hn::NearestInt(hn::Min(v, hn::Set(DF(), qlinear::kTop)));
  const hn::Rebind<uint8_t, DI> d8;
  hn::StoreU(hn::DemoteTo(d8, q), d8, y);
#endif
}

// What follows the sums of one vector of channels; its constants stay in registers from pixel to
// pixel.
class Finish {
 public:
  Finish(const Tile& t, int64_t channel)
      : factor_(hn::LoadU(DF(), t.then.factor + channel)),
        offset_(hn::LoadU(DF(), t.then.offset + channel)),
        residual_factor_(hn::Set(DF(), t.then.residual_factor)),
        low_(hn::Set(DF(), t.then.low)) {}

  HWY_INLINE VF value(VI sums, const uint8_t* residual) const {
    VF v = hn::MulAdd(hn::ConvertTo(DF(), sums), factor_, offset_);
    if (residual) {
      const hn::Rebind<uint8_t, DI> d8;
      const VF r = hn::ConvertTo(DF(), hn::PromoteTo(DI(), hn::LoadU(d8, residual)));
      v = hn::MulAdd(r, residual_factor_, v);
    }
    return hn::Max(v, low_);
  }

 private:
  VF factor_, offset_, residual_factor_, low_;
};

// What follows all sums, [row][channel]: where the panel is not whole, or floats are wanted, by way
// of copies.
HWY_NOINLINE void finish_rows(const Tile& t, const int32_t* sums) {
  constexpr int64_t kPanel = 2 * kLanes;
  const bool whole = t.columns == kPanel;
  const size_t columns = static_cast<size_t>(t.columns);
  const Finish halves[] = {Finish(t, 0), Finish(t, kLanes)};
  uint8_t others[kPanel] = {}, bytes[kPanel];
  float floats[kPanel];
  for (int64_t row = 0; row < t.rows; ++row, sums += kPanel) {
    const int64_t at = row * t.row_stride;
    const uint8_t* residual = t.residual ? t.residual + at : nullptr;
    if (residual && !whole) std::memcpy(others, residual, columns), residual = others;
    auto* to_bytes = static_cast<uint8_t*>(t.y) + at;
    auto* to_floats = static_cast<float*>(t.y) + at;
#pragma GCC unroll 2
    for (int64_t h = 0; h < 2; ++h) {
      const int64_t c = h * kLanes;
      const VF v = halves[h].value(hn::LoadU(DI(), sums + c), residual ? residual + c : nullptr);
      if (t.floats) hn::StoreU(v, DF(), (whole ? to_floats : floats) + c);
      else store_bytes(v, (whole ? to_bytes : bytes) + c);
    }
    if (whole) continue;
    if (t.floats) std::memcpy(to_floats, floats, sizeof(float) * columns);
    else std::memcpy(to_bytes, bytes, columns);
  }
}

// Both loops below: rows of a chunk lie kChunk bytes apart, so that one pointer reaches all.
constexpr int64_t kChunkSteps = kChunk / kStep;
// Weights come from far away once a pass; beyond a panel lies the next.
constexpr int64_t kBytesAhead = 2048;

template <int kRows>
HWY_NOINLINE void tile_of_pairs(const Tile& t) {
  const DI d;
  const hn::Repartition<int16_t, DI> d16;
  const hn::Repartition<uint16_t, DI> du16;
  VI first[kRows], second[kRows], unused = hn::Zero(d);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
    first[r] = hn::LoadU(d, t.then.start), second[r] = hn::LoadU(d, t.then.start + kLanes);
  const VI low_bytes = hn::Set(d, 0x00FF00FF);
  const uint8_t* a = t.a;
  const auto* w = static_cast<const int16_t*>(t.b);
  for (int64_t left = t.steps; left > 0; left -= kChunkSteps, a += (kRows - 1) * kChunk)
#pragma GCC unroll 1
    for (int64_t s = left < kChunkSteps ? left : kChunkSteps; s > 0;
         --s, a += kStep, w += 8 * kLanes)
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const VI word = four_terms(a + r * kChunk);
        const auto even = hn::BitCast(d16, hn::And(word, low_bytes));
        const auto odd = hn::BitCast(d16, hn::ShiftRight<8>(hn::BitCast(du16, word)));
        first[r] = hn::ReorderWidenMulAccumulate(d, even, hn::LoadU(d16, w), first[r], unused);
        second[r] = hn::ReorderWidenMulAccumulate(d, even, hn::LoadU(d16, w + 2 * kLanes),
                                                  second[r], unused);
        first[r] =
            hn::ReorderWidenMulAccumulate(d, odd, hn::LoadU(d16, w + 4 * kLanes), first[r], unused);
        second[r] = hn::ReorderWidenMulAccumulate(d, odd, hn::LoadU(d16, w + 6 * kLanes), second[r],
                                                  unused);
      }
  alignas(64) int32_t sums[kRows * 2 * kLanes];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
    hn::StoreU(first[r], d, sums + 2 * r * kLanes),
        hn::StoreU(second[r], d, sums + (2 * r + 1) * kLanes);
  finish_rows(t, sums);
}

#if HWY_TARGET == HWY_AVX3
template <int kRows>
HWY_INLINE void finish_half(const Tile& t, const __m512i (&sums)[kRows], int64_t channel,
                            uint8_t* y) {
  const Finish finish(t, channel);
  const uint8_t* residual = t.residual;
  if (residual) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
      store_bytes(finish.value(VI{sums[r]}, residual + channel + r * t.row_stride),
                  y + r * t.row_stride);
  } else {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
      store_bytes(finish.value(VI{sums[r]}, nullptr), y + r * t.row_stride);
  }
}

template <int kRows>
HWY_NOINLINE CAIRN_TARGET_VNNI void tile_of_bytes(const Tile& t) {
  const DI d;
  __m512i first[kRows], second[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
    first[r] = hn::LoadU(d, t.then.start).raw, second[r] = hn::LoadU(d, t.then.start + kLanes).raw;
  const uint8_t* a = t.a;
  const auto* w = static_cast<const int8_t*>(t.b);
  for (int64_t left = t.steps; left > 0; left -= kChunkSteps, a += (kRows - 1) * kChunk)
#pragma GCC unroll 2
    for (int64_t s = left < kChunkSteps ? left : kChunkSteps; s > 0;
         --s, a += kStep, w += 2 * kLanes * kStep) {
      hwy::Prefetch(w + kBytesAhead), hwy::Prefetch(w + kBytesAhead + 64);
      __m512i left_w = _mm512_loadu_si512(w), right_w = _mm512_loadu_si512(w + kLanes * kStep);
      asm("" : "+v"(left_w), "+v"(right_w));  // stay in registers
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const __m512i word = four_terms(a + r * kChunk).raw;
        first[r] = _mm512_dpbusd_epi32(first[r], word, left_w);
        second[r] = _mm512_dpbusd_epi32(second[r], word, right_w);
      }
    }
  if (!t.floats && t.columns == 2 * kLanes) {  // from the registers
    auto* y = static_cast<uint8_t*>(t.y);
    return finish_half(t, first, 0, y), finish_half(t, second, kLanes, y + kLanes);
  }
  alignas(64) int32_t sums[kRows * 2 * kLanes];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r)
    hn::StoreU(VI{first[r]}, d, sums + 2 * r * kLanes),
        hn::StoreU(VI{second[r]}, d, sums + (2 * r + 1) * kLanes);
  finish_rows(t, sums);
}
// Sums 0 to 3 lie as [upper, lower rows][left, right channels]; 4 and 5 hold pixels, 6 and 7
// weights.
using amx::HWY_NAMESPACE::kTileLines;
using amx::HWY_NAMESPACE::Tiles;
constexpr int64_t kAmxRows = 2 * kTileLines;
constexpr int64_t kStepBytes = 2 * kLanes * kStep;  // of a panel

template <bool kLower>
HWY_INLINE void add_chunk(const uint8_t* a, const int8_t* w) {
  Tiles::load<4>(a, kChunk), Tiles::load<6>(w, kStepBytes);
  Tiles::multiply_u8_s8<0, 4, 6>();
  Tiles::load<7>(w + kStepBytes / 2, kStepBytes);
  Tiles::multiply_u8_s8<1, 4, 7>();
  if constexpr (kLower) {
    Tiles::load<5>(a + kTileLines * kChunk, kChunk);
    Tiles::multiply_u8_s8<2, 5, 6>(), Tiles::multiply_u8_s8<3, 5, 7>();
  }
}

template <bool kLower>
HWY_NOINLINE void tile_by_amx(const Tile& t) {
  const DI d;
  Tiles::configure(std::min<int64_t>(t.rows, kTileLines), t.rows - kTileLines);
  Tiles::clear<0>(), Tiles::clear<1>();
  if constexpr (kLower) Tiles::clear<2>(), Tiles::clear<3>();
  const uint8_t* a = t.a;
  const auto* w = static_cast<const int8_t*>(t.b);
  int64_t left = t.steps;
  for (; left >= kChunkSteps;
       left -= kChunkSteps, a += t.rows * kChunk, w += kChunkSteps * kStepBytes)
    add_chunk<kLower>(a, w);
  if (left > 0) {  // weights of zero behind the last ones
    alignas(64) int8_t last[kChunkSteps * kStepBytes] = {};
    std::memcpy(last, w, static_cast<size_t>(left * kStepBytes));
    add_chunk<kLower>(a, last);
  }
  alignas(64) int32_t sums[kAmxRows * 2 * kLanes];
  constexpr int64_t kRowBytes = 2 * kLanes * static_cast<int64_t>(sizeof(int32_t));
  Tiles::store<0>(sums, kRowBytes), Tiles::store<1>(sums + kLanes, kRowBytes);
  if constexpr (kLower)
    Tiles::store<2>(sums + kTileLines * 2 * kLanes, kRowBytes),
        Tiles::store<3>(sums + (kTileLines * 2 + 1) * kLanes, kRowBytes);
  Tiles::release();
  const VI first = hn::LoadU(d, t.then.start), second = hn::LoadU(d, t.then.start + kLanes);
  if (t.floats || t.columns < 2 * kLanes) {
    for (int64_t r = 0; r < t.rows; ++r) {
      int32_t* row = sums + r * 2 * kLanes;
      hn::Store(hn::Add(hn::Load(d, row), first), d, row);
      hn::Store(hn::Add(hn::Load(d, row + kLanes), second), d, row + kLanes);
    }
    return finish_rows(t, sums);
  }
  const Finish halves[] = {Finish(t, 0), Finish(t, kLanes)};
  auto* y = static_cast<uint8_t*>(t.y);
  for (int64_t r = 0; r < t.rows; ++r, y += t.row_stride) {
    const int32_t* row = sums + r * 2 * kLanes;
    const uint8_t* residual = t.residual ? t.residual + r * t.row_stride : nullptr;
    store_bytes(halves[0].value(hn::Add(hn::Load(d, row), first), residual), y);
    store_bytes(halves[1].value(hn::Add(hn::Load(d, row + kLanes), second),
                                residual ? residual + kLanes : nullptr),
                y + kLanes);
  }
}
void rows_by_amx(const Tile& t) {
  if (t.rows > kTileLines) tile_by_amx<true>(t);
  else tile_by_amx<false>(t);
}

template <int kRows>
void rows_of_bytes(const Tile& t) {
  if (t.rows == kRows) return tile_of_bytes<kRows>(t);
  if constexpr (kRows > 1) rows_of_bytes<kRows - 1>(t);
}
#endif

template <int kRows>
void rows_of_pairs(const Tile& t) {
  if (t.rows == kRows) return tile_of_pairs<kRows>(t);
  if constexpr (kRows > 1) rows_of_pairs<kRows - 1>(t);
}

void copy_chunks(const Window& w, uint8_t* to, int64_t step) {
  const hn::CappedTag<uint8_t, kChunk> d;
  constexpr int64_t kBytes = HWY_LANES(uint8_t) < kChunk ? HWY_LANES(uint8_t) : kChunk;
  const uint8_t* from = w.from;
  for (int64_t r = 0; r < w.rows; ++r, from += w.row_step)
    for (int64_t c = 0; c < w.row_bytes; c += kChunk, to += step)
#pragma GCC unroll 4
      for (int64_t i = 0; i < kChunk; i += kBytes)
        hn::StoreU(hn::LoadU(d, from + c + i), d, to + i);
}

constexpr int kByteRows = 14;
constexpr int kPairRows =
    HWY_TARGET == HWY_AVX3 ? 12 : 5;  // sums, operands and temporaries fill the registers

Kernels table() {
#if HWY_TARGET == HWY_AVX3
  if (x86_extensions().amx) return {Form::bytes, kAmxRows, 2 * kLanes, rows_by_amx, copy_chunks};
  if (x86_extensions().vnni)
    return {Form::bytes, kByteRows, 2 * kLanes, rows_of_bytes<kByteRows>, copy_chunks};
#endif
  return {Form::pairs, kPairRows, 2 * kLanes, rows_of_pairs<kPairRows>, copy_chunks};
}

#else  // plain loops

constexpr int64_t kPanel = 16;

void multiply(const Tile& t) {
  const auto* b = static_cast<const int8_t*>(t.b);
  for (int r = 0; r < t.rows; ++r) {
    int32_t sums[kPanel];
    std::memcpy(sums, t.then.start, sizeof sums);
    for (int64_t s = 0; s < t.steps; ++s) {
      const uint8_t* a = t.a + (s * kStep / kChunk * t.rows + r) * kChunk + s * kStep % kChunk;
      for (int64_t n = 0; n < kPanel; ++n)
        for (int64_t k = 0; k < kStep; ++k) sums[n] += a[k] * b[(s * kPanel + n) * kStep + k];
    }
    const int64_t at = r * t.row_stride;
    for (int64_t n = 0; n < t.columns; ++n) {
      float v = std::fma(static_cast<float>(sums[n]), t.then.factor[n], t.then.offset[n]);
      if (t.residual)
        v = std::fma(static_cast<float>(t.residual[at + n]), t.then.residual_factor, v);
      if (t.floats) static_cast<float*>(t.y)[at + n] = std::max(v, t.then.low);
      else static_cast<uint8_t*>(t.y)[at + n] = qlinear::to_u8(v, t.then.low);
    }
  }
}

void copy_chunks(const Window& w, uint8_t* to, int64_t step) {
  for (int64_t r = 0; r < w.rows; ++r)
    for (int64_t c = 0; c < w.row_bytes; c += kChunk, to += step)
      std::memcpy(to, w.from + r * w.row_step + c, kChunk);
}

Kernels table() { return {Form::bytes, 4, kPanel, multiply, copy_chunks}; }

#endif

}  // namespace
}  // namespace cairn::cpu::int8::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu::int8 {

HWY_EXPORT(table);

Kernels kernels() { return HWY_DYNAMIC_DISPATCH(table)(); }

void pack(Form form, int64_t panel, const int8_t* weights, int64_t count, int64_t depth, void* to,
          int32_t* sums) {
  const int64_t steps = ceil_div(depth, kStep);
  auto weight = [&](int64_t n, int64_t k) -> int8_t {
    return n < count && k < depth ? weights[n * depth + k] : 0;
  };
  for (int64_t n = 0; n < panel; ++n) {
    sums[n] = 0;
    for (int64_t k = 0; k < depth; ++k) sums[n] += weight(n, k);
  }
  auto* bytes = static_cast<int8_t*>(to);
  auto* pairs = static_cast<int16_t*>(to);
  for (int64_t s = 0; s < steps; ++s)
    for (int64_t n = 0; n < panel; ++n)
      for (int64_t k = 0; k < kStep; ++k) {
        const int8_t w = weight(n, s * kStep + k);
        if (form == Form::bytes) bytes[(s * panel + n) * kStep + k] = w;
        else pairs[((s * 2 + k % 2) * panel + n) * 2 + k / 2] = w;
      }
}

}  // namespace cairn::cpu::int8
#endif
