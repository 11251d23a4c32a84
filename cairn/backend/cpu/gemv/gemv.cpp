#include "cairn/backend/cpu/gemv/gemv.h"

#include <algorithm>
#include <cstring>

#include "cairn/backend/cpu/simd_targets.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"
#include "hwy/cache_control.h"

#ifndef CAIRN_GEMV_CALL_  // once, not once for each instruction set
#define CAIRN_GEMV_CALL_
namespace cairn::cpu::gemv {

constexpr int64_t kTileRows = 6;       // at most
constexpr int64_t kChunk = 32;         // outputs of a stream between two epilogues
constexpr int64_t kGrain = 16 * 1024;  // weights that are worth a thread

struct Call {
  const float* scales;  // null for f32
  int64_t depth;
  const float* x;
  int64_t x_stride, rows;
  LinearEpilogue epilogue;
  float* y;
  int64_t y_stride;
};

}  // namespace cairn::cpu::gemv
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/gemv/gemv.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "cairn/backend/cpu/attention/vector-inl.h"
#include "cairn/backend/cpu/store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::gemv::HWY_NAMESPACE {
namespace {

using namespace cairn::cpu::attention::HWY_NAMESPACE;

constexpr int64_t kLineBytes = 64;
constexpr int64_t kPrefetch = 2048;  // bytes ahead in each stream

HWY_INLINE VF load_weights(const float* w) { return hn::LoadU(F32(), w); }
HWY_INLINE VF load_weights(const int8_t* w) {
  const hn::Rebind<int8_t, I32> narrow;
  return hn::ConvertTo(F32(), hn::PromoteTo(I32(), hn::LoadU(narrow, w)));
}
// The first `count` of a vector, the others 0; nothing behind them is read.
template <class Weight>
HWY_INLINE VF load_some(const Weight* w, size_t count) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  if constexpr (sizeof(Weight) == sizeof(float))
    return hn::MaskedLoad(hn::FirstN(F32(), count), F32(), w);
#endif
  Weight some[kLanes] = {};
  std::memcpy(some, w, count * sizeof(Weight));
  return load_weights(some);
}

// Outputs of one tile: enough sums to keep the multipliers busy, few enough to stay in the
// registers, 32 or 16.
constexpr int outputs_for(int rows) {
  if (HWY_TARGET <= HWY_AVX3) return 4;
  return rows <= 3 ? 4 : rows == 4 ? 3 : 2;
}
// Rows of a tile where there are more: rows of x a few lines apart are best read four at a time;
// where they are long, six read each weight from the second cache less often.
constexpr int64_t rows_at_once(int64_t depth) {
  return HWY_TARGET <= HWY_AVX3 && depth > 768 ? 6 : 4;
}

#if HWY_TARGET != HWY_SCALAR
// Lane i of the result: the sum of lanes i, i + 4, i + 8, ...
template <class D>
HWY_INLINE hn::Vec<hn::FixedTag<float, 4>> folded(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return folded(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}
#endif

// The lanes' sums of four vectors, each made in the same order: a row's results do not depend on
// how many rows there are.
struct Four {
  float sums[4];
};
HWY_INLINE Four sums_of(VF a, VF b, VF c, VF e) {
  Four four;
#if HWY_TARGET == HWY_SCALAR
  four.sums[0] = hn::GetLane(a), four.sums[1] = hn::GetLane(b);
  four.sums[2] = hn::GetLane(c), four.sums[3] = hn::GetLane(e);
#else
  const F32 d;
  const hn::Repartition<double, F32> pairs;
  // x0 + x2, y0 + y2, x1 + x3, y1 + y3 of each four lanes.
  const auto both = [&](VF x, VF y) HWY_ATTR {
    return hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, x, y), hn::InterleaveUpper(d, x, y)));
  };
  const auto ab = both(a, b), ce = both(c, e);
  const VF all = hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, ab, ce)),
                         hn::BitCast(d, hn::InterleaveUpper(pairs, ab, ce)));
  hn::StoreU(folded(d, all), hn::FixedTag<float, 4>(), four.sums);
#endif
  return four;
}

// kOutputs rows of weights, `stride` apart, times kRows rows of x. Sum (n, m) goes to dots[(n *
// kRows + m) * kChunk].
template <int kOutputs, int kRows, class Weight>
HWY_INLINE void dot_tile(const Weight* HWY_RESTRICT w, int64_t stride, int64_t depth,
                         const float* HWY_RESTRICT x, int64_t x_stride, float* HWY_RESTRICT dots) {
  const F32 d;
  VF sum[kOutputs][kRows];
#pragma GCC unroll 4
  for (int n = 0; n < kOutputs; ++n)
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) sum[n][m] = hn::Zero(d);
  const auto add_vector = [&](int64_t k) HWY_ATTR {
    VF wv[kOutputs];
#pragma GCC unroll 4
    for (int n = 0; n < kOutputs; ++n) wv[n] = load_weights(w + n * stride + k);
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
      const VF xv = hn::LoadU(d, x + m * x_stride + k);
#pragma GCC unroll 4
      for (int n = 0; n < kOutputs; ++n) sum[n][m] = hn::MulAdd(wv[n], xv, sum[n][m]);
    }
  };
  constexpr int64_t kLine = kLineBytes / sizeof(Weight);
  int64_t k = 0;
  for (; k + kLine <= depth; k += kLine) {
#pragma GCC unroll 4
    for (int n = 0; n < kOutputs; ++n)
      hwy::Prefetch(reinterpret_cast<const char*>(w + n * stride + k) + kPrefetch);
#pragma GCC unroll 8
    for (int64_t i = 0; i < kLine; i += kLanes) add_vector(k + i);
  }
  for (; k + kLanes <= depth; k += kLanes) add_vector(k);
  if (const auto left = static_cast<size_t>(depth - k)) {
    for (int n = 0; n < kOutputs; ++n) {
      const VF wv = load_some(w + n * stride + k, left);
      for (int m = 0; m < kRows; ++m)
        sum[n][m] = hn::MulAdd(wv, load_some(x + m * x_stride + k, left), sum[n][m]);
    }
  }
  constexpr int kSums = kOutputs * kRows;
  const VF none = hn::Zero(d);
  const auto sum_at = [&](int i) HWY_ATTR { return i < kSums ? sum[i / kRows][i % kRows] : none; };
#pragma GCC unroll 8
  for (int i = 0; i < kSums; i += 4) {
    const Four four = sums_of(sum_at(i), sum_at(i + 1), sum_at(i + 2), sum_at(i + 3));
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j)
      if (i + j < kSums) dots[(i + j) * kChunk] = four.sums[j];
  }
}

// `count` outputs from `first` on of one row: scale, bias, residual; a vector at a time.
HWY_NOINLINE void finish_row(const Call& call, int64_t row, int64_t first, int64_t count,
                             const float* dots) {
  const F32 d;
  const LinearEpilogue& e = call.epilogue;
  float* y = call.y + row * call.y_stride + first;
  for (int64_t n = 0; n < count; n += kLanes) {
    const int64_t here = std::min<int64_t>(kLanes, count - n);
    const auto mask = hn::FirstN(d, static_cast<size_t>(here));
    VF v = hn::MaskedLoad(mask, d, dots + n);
    if (call.scales) v = hn::Mul(v, hn::MaskedLoad(mask, d, call.scales + first + n));
    if (e.bias) v = hn::Add(v, hn::MaskedLoad(mask, d, e.bias + first + n));
    if (e.residual)
      v = hn::Add(v, hn::MaskedLoad(mask, d, e.residual + row * e.residual_stride + first + n));
    if (here == kLanes) hn::StoreU(v, d, y + n);
    else stores::HWY_NAMESPACE::store_first(v, mask, d, y + n);
  }
}

// Outputs [begin, end) of kRows rows. The weights are read as several streams far apart, an output
// of each at a time: one stream alone the processor does not fetch fast enough from memory. Dot
// products wait in a small buffer, so that y may be the residual.
template <int kRows, class Weight>
HWY_NOINLINE void outputs_of_rows(const Call& call, const Weight* weight, int64_t begin,
                                  int64_t end) {
  constexpr int kStreams = outputs_for(kRows);
  alignas(64) float dots[kStreams * kRows * kChunk];
  const int64_t length = (end - begin) / kStreams, stride = length * call.depth;
  for (int64_t n = 0; n < length; n += kChunk) {
    const int64_t here = std::min(kChunk, length - n);
    for (int64_t i = 0; i < here; ++i)
      dot_tile<kStreams, kRows>(weight + (begin + n + i) * call.depth, stride, call.depth, call.x,
                                call.x_stride, dots + i);
    for (int64_t i = 0; i < kStreams * kRows; ++i)
      finish_row(call, i % kRows, begin + i / kRows * length + n, here, dots + i * kChunk);
  }
  const int64_t rest = begin + kStreams * length;
  for (int64_t n = rest; n < end; ++n)
    dot_tile<1, kRows>(weight + n * call.depth, 0, call.depth, call.x, call.x_stride,
                       dots + n - rest);
  for (int64_t m = 0; m < kRows && rest < end; ++m)
    finish_row(call, m, rest, end - rest, dots + m * kChunk);
}

// Rows [row, row + count) of a call.
HWY_INLINE Call rows_of(Call call, int64_t row, int64_t count) {
  call.x += row * call.x_stride, call.y += row * call.y_stride;
  if (call.epilogue.residual) call.epilogue.residual += row * call.epilogue.residual_stride;
  call.rows = count;
  return call;
}

template <class Weight>
HWY_INLINE void outputs_of_tile(const Call& call, const Weight* weight, int64_t begin,
                                int64_t end) {
  switch (call.rows) {
    case 1: return outputs_of_rows<1>(call, weight, begin, end);
    case 2: return outputs_of_rows<2>(call, weight, begin, end);
    case 3: return outputs_of_rows<3>(call, weight, begin, end);
    case 4: return outputs_of_rows<4>(call, weight, begin, end);
    case 5: return outputs_of_rows<5>(call, weight, begin, end);
    default: return outputs_of_rows<6>(call, weight, begin, end);
  }
}

template <class Weight>
HWY_INLINE void outputs_of(const Call& call, const Weight* weight, int64_t begin, int64_t end) {
  const int64_t most = call.rows <= kTileRows ? kTileRows : rows_at_once(call.depth);
  const int64_t groups = ceil_div(call.rows, most);
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t row = call.rows * g / groups, next = call.rows * (g + 1) / groups;
    outputs_of_tile(rows_of(call, row, next - row), weight, begin, end);
  }
}

void outputs_f32(const Call& call, const float* weight, int64_t begin, int64_t end) {
  outputs_of(call, weight, begin, end);
}
void outputs_i8(const Call& call, const int8_t* weight, int64_t begin, int64_t end) {
  outputs_of(call, weight, begin, end);
}

}  // namespace
}  // namespace cairn::cpu::gemv::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {
namespace gemv {

HWY_EXPORT(outputs_f32);
HWY_EXPORT(outputs_i8);

// Threads share the outputs in whole cache lines. More rows than a tile has go over as many outputs
// at a time as the second cache keeps: their weights come from memory once.
template <class Weight, class Kernel>
void run(Kernel kernel, const Weight* weight, int64_t outputs, const Call& call) {
  constexpr int64_t kLine = 16, kKept = 1 << 18;  // outputs; bytes
  const int64_t lines = ceil_div(outputs, kLine), depth = std::max<int64_t>(1, call.depth);
  const int64_t grain = kGrain / (depth * kLine * ceil_div(call.rows, kTileRows)) + 1;
  const int64_t at_once =
      call.rows <= kTileRows
          ? lines
          : std::max<int64_t>(1, kKept / (depth * kLine * static_cast<int64_t>(sizeof(Weight))));
  parallel_for(lines, grain, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; line += at_once)
      kernel(call, weight, line * kLine, std::min(std::min(end, line + at_once) * kLine, outputs));
  });
}

}  // namespace gemv

void gemv_f32(const float* weight, int64_t outputs, int64_t depth, const float* x, int64_t x_stride,
              int64_t rows, const LinearEpilogue& epilogue, float* y, int64_t y_stride) {
  using namespace gemv;
  run(HWY_DYNAMIC_DISPATCH(outputs_f32), weight, outputs,
      {nullptr, depth, x, x_stride, rows, epilogue, y, y_stride});
}

void gemv_i8(const int8_t* quantized, const float* scales, int64_t outputs, int64_t depth,
             const float* x, int64_t x_stride, int64_t rows, const LinearEpilogue& epilogue,
             float* y, int64_t y_stride) {
  using namespace gemv;
  run(HWY_DYNAMIC_DISPATCH(outputs_i8), quantized, outputs,
      {scales, depth, x, x_stride, rows, epilogue, y, y_stride});
}

}  // namespace cairn::cpu
#endif
