#include "cairn/backend/cpu/winograd/tiles_bf16.h"

#include "cairn/backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/winograd/tiles_bf16.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "cairn/backend/cpu/bf16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::winograd_bf16::HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3

namespace hn = hwy::HWY_NAMESPACE;
using cpu::HWY_NAMESPACE::narrowed;
using cpu::HWY_NAMESPACE::paired;
using cpu::HWY_NAMESPACE::widened;

using D = hn::FixedTag<float, 16>;
using W = hn::FixedTag<uint32_t, 16>;
using H = hn::FixedTag<uint16_t, 16>;
using V = hn::Vec<D>;

// The points 0, a, -a, b, -b, infinity; a * a = 2, b * b = 1 / 2, a * b = 1.
constexpr float kA = 1.41421356f, kB = 0.70710678f, kA2 = 2, kB2 = 0.5f;

HWY_INLINE V times(float scale, V x) { return hn::Mul(hn::Set(D(), scale), x); }
HWY_INLINE V plus_times(V y, float scale, V x) { return hn::MulAdd(hn::Set(D(), scale), x, y); }

struct InputStep {  // B' d
  static constexpr int kFrom = 6, kTo = 6;
  static HWY_INLINE void apply(const V* d, V* v) {
    const V even = plus_times(d[4], -kB2, d[2]), odd = times(kA, plus_times(d[3], -kB2, d[1]));
    const V even2 = plus_times(d[4], -kA2, d[2]), odd2 = times(kB, plus_times(d[3], -kA2, d[1]));
    v[0] = plus_times(hn::Add(d[0], d[4]), -kA2 - kB2, d[2]);
    v[1] = hn::Add(even, odd), v[2] = hn::Sub(even, odd);
    v[3] = hn::Add(even2, odd2), v[4] = hn::Sub(even2, odd2);
    v[5] = plus_times(hn::Add(d[1], d[5]), -kA2 - kB2, d[3]);
  }
};
struct OutputStep {  // A' m
  static constexpr int kFrom = 6, kTo = 4;
  static HWY_INLINE void apply(const V* m, V* y) {
    const V sum = hn::Add(m[1], m[2]), difference = hn::Sub(m[1], m[2]);
    const V sum2 = hn::Add(m[3], m[4]), difference2 = hn::Sub(m[3], m[4]);
    y[0] = hn::Add(m[0], hn::Add(sum, sum2));
    y[1] = plus_times(times(kA, difference), kB, difference2);
    y[2] = plus_times(times(kA2, sum), kB2, sum2);
    y[3] = plus_times(plus_times(m[5], kA2 * kA, difference), kB2 * kB, difference2);
  }
};
struct GradientStep {  // A y
  static constexpr int kFrom = 4, kTo = 6;
  static HWY_INLINE void apply(const V* y, V* d) {
    const V even = plus_times(y[0], kA2, y[2]), odd = times(kA, plus_times(y[1], kA2, y[3]));
    const V even2 = plus_times(y[0], kB2, y[2]), odd2 = times(kB, plus_times(y[1], kB2, y[3]));
    d[0] = y[0], d[5] = y[3];
    d[1] = hn::Add(even, odd), d[2] = hn::Sub(even, odd);
    d[3] = hn::Add(even2, odd2), d[4] = hn::Sub(even2, odd2);
  }
};
constexpr float kScale = 1.0f / 6,
                kScale2 = -1 / 1.5f;  // one over the products of differences of points
struct FilterStep {                   // G g
  static constexpr int kFrom = 3, kTo = 6;
  static HWY_INLINE void apply(const V* g, V* u) {
    const V even = times(kScale, plus_times(g[0], kA2, g[2])), odd = times(kScale * kA, g[1]);
    const V even2 = times(kScale2, plus_times(g[0], kB2, g[2])), odd2 = times(kScale2 * kB, g[1]);
    u[0] = g[0], u[5] = g[2];
    u[1] = hn::Add(even, odd), u[2] = hn::Sub(even, odd);
    u[3] = hn::Add(even2, odd2), u[4] = hn::Sub(even2, odd2);
  }
};
struct FilterGradientStep {  // G' u
  static constexpr int kFrom = 6, kTo = 3;
  static HWY_INLINE void apply(const V* u, V* g) {
    const V sum = times(kScale, hn::Add(u[1], u[2])), sum2 = times(kScale2, hn::Add(u[3], u[4]));
    g[0] = hn::Add(u[0], hn::Add(sum, sum2));
    g[1] = plus_times(times(kScale * kA, hn::Sub(u[1], u[2])), kScale2 * kB, hn::Sub(u[3], u[4]));
    g[2] = plus_times(plus_times(u[5], kA2, sum), kB2, sum2);
  }
};

// Step' X Step: get(row, column) -> V, put(row, column, V).
template <class Step, class Get, class Put>
HWY_INLINE void transform(const Get& get, const Put& put) {
  V middle[Step::kTo][Step::kFrom];
#pragma GCC unroll 8
  for (int x = 0; x < Step::kFrom; ++x) {
    V from[Step::kFrom], to[Step::kTo];
#pragma GCC unroll 8
    for (int y = 0; y < Step::kFrom; ++y) from[y] = get(y, x);
    Step::apply(from, to);
#pragma GCC unroll 8
    for (int y = 0; y < Step::kTo; ++y) middle[y][x] = to[y];
  }
#pragma GCC unroll 8
  for (int y = 0; y < Step::kTo; ++y) {
    V to[Step::kTo];
    Step::apply(middle[y], to);
#pragma GCC unroll 8
    for (int x = 0; x < Step::kTo; ++x) put(y, x, to[x]);
  }
}

alignas(64) constexpr uint16_t kZeros[kBlock] = {};

// Where the kSize x kSize pixels of a tile lie in the first block of channels; outside the image:
// nowhere.
template <int kSize>
struct Pixels {
  const uint16_t* at[kSize * kSize];
  Pixels(const Plane& p, const uint16_t* data, int64_t tile) {
    const int64_t place = tile % (p.down * p.across), image = tile / (p.down * p.across);
    const int64_t y0 = place / p.across * kTile + p.top, x0 = place % p.across * kTile + p.left;
    data += image * p.blocks * p.height * p.width * kBlock;
    for (int64_t y = 0; y < kSize; ++y)
      for (int64_t x = 0; x < kSize; ++x) {
        const bool inside = y0 + y >= 0 && y0 + y < p.height && x0 + x >= 0 && x0 + x < p.width;
        at[y * kSize + x] = inside ? data + ((y0 + y) * p.width + x0 + x) * kBlock : nullptr;
      }
  }
  HWY_INLINE V operator()(int64_t offset, int y, int x) const {
    const uint16_t* from = at[y * kSize + x];
    return widened(hn::LoadU(H(), from ? from + offset : kZeros));
  }
};

void input_rows(const Plane& p, const uint16_t* data, int64_t begin, int64_t end, uint16_t* v,
                int64_t plane) {
  const int64_t size = p.height * p.width * kBlock;
  for (int64_t tile = begin; tile < end; ++tile) {
    const Pixels<6> pixels(p, data, tile);
    for (int64_t block = 0; block < p.blocks; ++block, v += kBlock)
      transform<InputStep>([&](int y, int x) HWY_ATTR { return pixels(block * size, y, x); },
                           [&](int y, int x, V value) HWY_ATTR {
                             hn::StoreU(narrowed(value), H(), v + (y * 6 + x) * plane);
                           });
  }
}

// A value of one tile of a pair: the first clears the second's place.
HWY_INLINE void put_half(V value, bool second, uint16_t* to) {
  const W w;
  auto* words = reinterpret_cast<uint32_t*>(to);
  const auto word = hn::PromoteTo(w, narrowed(value));
  hn::StoreU(second ? hn::Or(hn::ShiftLeft<16>(word), hn::LoadU(w, words)) : word, w, words);
}

void input_pairs(const Plane& p, const uint16_t* data, int64_t begin, int64_t end, uint16_t* v,
                 int64_t plane, int64_t row) {
  const int64_t size = p.height * p.width * kBlock;
  for (int64_t tile = begin; tile < end; ++tile) {
    const Pixels<6> pixels(p, data, tile);
    const bool second = (tile - begin) % 2;
    uint16_t* to = v + (tile - begin) / 2 * row;
    for (int64_t block = 0; block < p.blocks; ++block, to += 2 * kBlock)
      transform<InputStep>([&](int y, int x) HWY_ATTR { return pixels(block * size, y, x); },
                           [&](int y, int x, V value)
                               HWY_ATTR { put_half(value, second, to + (y * 6 + x) * plane); });
  }
}

void gradient_panels(const Plane& p, const uint16_t* data, int64_t begin, int64_t end, uint16_t* d,
                     int64_t plane, int64_t panel) {
  const int64_t size = p.height * p.width * kBlock;
  for (int64_t tile = begin; tile < end; ++tile) {
    const Pixels<4> pixels(p, data, tile);
    const bool second = (tile - begin) % 2;
    for (int64_t block = 0; block < p.blocks + p.blocks % 2; ++block) {
      uint16_t* to =
          d + block / 2 * panel + (tile - begin) / 2 * 2 * kPanel + block % 2 * 2 * kBlock;
      if (block == p.blocks) {
        for (int64_t point = 0; point < kPoints; ++point)
          put_half(hn::Zero(D()), second, to + point * plane);
        continue;
      }
      transform<GradientStep>([&](int y, int x) HWY_ATTR { return pixels(block * size, y, x); },
                              [&](int y, int x, V value)
                                  HWY_ATTR { put_half(value, second, to + (y * 6 + x) * plane); });
    }
  }
}

void output(const Plane& p, const float* m, int64_t plane, int64_t begin, int64_t end,
            int64_t panel, uint16_t* data) {
  const int64_t size = p.height * p.width * kBlock;
  const int64_t first = 2 * panel, halves = std::min<int64_t>(2, p.blocks - first);
  for (int64_t tile = begin; tile < end; ++tile, m += kPanel) {
    const int64_t place = tile % (p.down * p.across), image = tile / (p.down * p.across);
    const int64_t y0 = place / p.across * kTile, x0 = place % p.across * kTile;
    const int64_t rows = std::min(kTile, p.height - y0), columns = std::min(kTile, p.width - x0);
    uint16_t* to = data + (image * p.blocks + first) * size + (y0 * p.width + x0) * kBlock;
    for (int64_t half = 0; half < halves; ++half, to += size)
      transform<OutputStep>(
          [&](int y, int x)
              HWY_ATTR { return hn::Load(D(), m + (y * 6 + x) * plane + half * kBlock); },
          [&](int y, int x, V value) HWY_ATTR {
            if (y < rows && x < columns)
              hn::StoreU(narrowed(value), H(), to + (y * p.width + x) * kBlock);
          });
  }
}

void filter(const uint16_t* w, int64_t out_blocks, int64_t in_blocks, bool turned, int64_t panel,
            uint16_t* u) {
  constexpr int64_t kSquare = kBlock * kBlock;
  const int64_t contracted = turned ? out_blocks : in_blocks,
                lanes = turned ? in_blocks : out_blocks;
  const int64_t plane = contracted * kBlock * kPanel;
  for (int64_t block = 0; block < contracted; ++block)
    for (int64_t pair = 0; pair < kBlock / 2; ++pair)
      for (int64_t half = 0; half < 2; ++half) {
        const int64_t lane = 2 * panel + half;
        uint16_t* to = u + (block * kBlock / 2 + pair) * 2 * kPanel + half * 2 * kBlock;
        auto* words = reinterpret_cast<uint32_t*>(to);
        if (lane >= lanes) {
          for (int64_t point = 0; point < kPoints; ++point)
            hn::StoreU(hn::Zero(W()), W(), words + point * plane / 2);
          continue;
        }
        const int64_t place = turned ? block * in_blocks + lane : lane * in_blocks + block;
        const uint16_t* from = w + place * 9 * kSquare + 2 * pair * kBlock;
        const auto tap = [&](int y, int x) {
          return (turned ? 8 - y * 3 - x : y * 3 + x) * kSquare;
        };
        hn::Vec<H> first[kPoints];
        // The filter's step is 3 to 6: columns, then rows.
        const auto both = [&](const uint16_t* at, const auto& put) HWY_ATTR {
          transform<FilterStep>(
              [&](int y, int x) HWY_ATTR { return widened(hn::LoadU(H(), at + tap(y, x))); }, put);
        };
        both(from, [&](int y, int x, V value) HWY_ATTR { first[y * 6 + x] = narrowed(value); });
        both(from + kBlock, [&](int y, int x, V value) HWY_ATTR {
          hn::StoreU(paired(first[y * 6 + x], narrowed(value)), W(),
                     words + (y * 6 + x) * plane / 2);
        });
      }
}

void filter_gradient(const float* sums, int64_t plane, int64_t slices, int64_t slice,
                     int64_t out_blocks, int64_t in_blocks, int64_t panel, int64_t c, int64_t count,
                     uint16_t* dw) {
  constexpr int64_t kSquare = kBlock * kBlock;
  for (int64_t i = 0; i < count; ++i)
    for (int64_t half = 0; half < 2 && 2 * panel + half < out_blocks; ++half) {
      const float* from = sums + i * kPanel + half * kBlock;
      const int64_t channel = c + i;
      uint16_t* to = dw + ((2 * panel + half) * in_blocks + channel / kBlock) * 9 * kSquare +
                     channel % kBlock * kBlock;
      transform<FilterGradientStep>(
          [&](int y, int x) HWY_ATTR {
            const float* at = from + (y * 6 + x) * plane;
            V sum = hn::Load(D(), at);
            for (int64_t s = 1; s < slices; ++s) sum = hn::Add(sum, hn::Load(D(), at + s * slice));
            return sum;
          },
          [&](int y, int x, V value)
              HWY_ATTR { hn::StoreU(narrowed(value), H(), to + (y * 3 + x) * kSquare); });
    }
}

const Kernels* table() {
  static const Kernels kTable = {input_rows, input_pairs, gradient_panels,
                                 output,     filter,      filter_gradient};
  return &kTable;
}

#else

const Kernels* table() { return nullptr; }

#endif

}  // namespace cairn::cpu::winograd_bf16::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cairn/backend/cpu/x86_extensions.h"

namespace cairn::cpu::winograd_bf16 {
HWY_EXPORT(table);

const Kernels* kernels() { return x86_extensions().bf16 ? HWY_DYNAMIC_DISPATCH(table)() : nullptr; }

}  // namespace cairn::cpu::winograd_bf16
#endif
