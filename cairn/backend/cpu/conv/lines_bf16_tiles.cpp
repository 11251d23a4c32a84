#include "cairn/backend/cpu/conv/lines_bf16_tiles.h"

#include "cairn/backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/conv/lines_bf16_tiles.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "cairn/backend/cpu/amx-inl.h"
#include "cairn/backend/cpu/bf16-inl.h"
#include "cairn/backend/cpu/x86_extensions.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::lines_bf16::HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3

namespace hn = hwy::HWY_NAMESPACE;
using amx::HWY_NAMESPACE::kTileLines;
using amx::HWY_NAMESPACE::Tiles;
using amx::HWY_NAMESPACE::transpose_words;
using cpu::HWY_NAMESPACE::narrowed;
using cpu::HWY_NAMESPACE::paired;

namespace {

using D = hn::FixedTag<float, 16>;
using H = hn::FixedTag<uint16_t, 16>;
using W = hn::FixedTag<uint32_t, 16>;
constexpr int64_t kLine = 64;  // bytes of a tile's line

void begin() { Tiles::configure(kTileLines, kTileLines); }
void end() { Tiles::release(); }

// Sums 0 to 3 lie as [upper, lower rows][left, right columns]; 4 and 5 hold A, 6 and 7 B.
template <bool kLower, bool kRight>
HWY_INLINE void clear_sums() {
  Tiles::clear<0>();
  if constexpr (kRight) Tiles::clear<1>();
  if constexpr (kLower) Tiles::clear<2>();
  if constexpr (kLower && kRight) Tiles::clear<3>();
}
template <bool kLower, bool kRight>
HWY_INLINE void multiply_tiles(const uint16_t* upper, const uint16_t* lower, int64_t a_row,
                               const uint16_t* left, const uint16_t* right, int64_t b_row) {
  Tiles::load<6>(left, b_row), Tiles::load<4>(upper, a_row);
  Tiles::multiply_bf16<0, 4, 6>();
  if constexpr (kRight) Tiles::load<7>(right, b_row), Tiles::multiply_bf16<1, 4, 7>();
  if constexpr (kLower) Tiles::load<5>(lower, a_row), Tiles::multiply_bf16<2, 5, 6>();
  if constexpr (kLower && kRight) Tiles::multiply_bf16<3, 5, 7>();
}

// At most 32 positions from `first` on by one panel.
template <bool kLower, bool kRight>
HWY_NOINLINE void sums_of(const Product& p, int64_t first, const uint16_t* panel, float* sums) {
  clear_sums<kLower, kRight>();
  const uint16_t* a = p.a + first * kPair;
  for (int64_t step = 0; step < p.steps; ++step, panel += kPair * kPanel) {
    const uint16_t* upper = a + p.offsets[step];
    multiply_tiles<kLower, kRight>(upper, upper + kRows * kPair, kLine, panel, panel + kPanel,
                                   2 * kLine);
  }
  constexpr int64_t kRow = kPanel * static_cast<int64_t>(sizeof(float));
  Tiles::store<0>(sums, kRow);
  if constexpr (kRight) Tiles::store<1>(sums + kBlock, kRow);
  if constexpr (kLower) Tiles::store<2>(sums + kRows * kPanel, kRow);
  if constexpr (kLower && kRight) Tiles::store<3>(sums + kRows * kPanel + kBlock, kRow);
}

// Where results go, position by position.
class Place {
 public:
  Place(const Product& p, uint16_t* y) : p_(p), line_(y) {}
  template <bool kRight>
  HWY_INLINE void store(const float* sums, int64_t rows) {
    while (rows > 0) {
      const bool results = column_ < p_.width;
      const int64_t run = std::min(rows, (results ? p_.width : p_.columns) - column_);
      if (results) store_run<kRight>(sums, run, line_ + column_ * p_.column_step);
      sums += run * kPanel, rows -= run, column_ += run;
      if (column_ == p_.columns) column_ = 0, line_ += p_.line_step;
    }
  }

 private:
  // Results side by side in a line.
  template <bool kRight>
  HWY_INLINE void store_run(const float* sums, int64_t run, uint16_t* to) const {
    const D d;
    const H h;
    const hn::FixedTag<uint16_t, 32> two;
    const int64_t step = p_.column_step, right = p_.block_step;
    int64_t r = 0;
    for (; step == kBlock && r + 2 <= run; r += 2, sums += 2 * kPanel, to += 2 * kBlock) {
      hn::StoreU(narrowed(hn::Load(d, sums), hn::Load(d, sums + kPanel)), two, to);
      if constexpr (kRight) {
        const float* other = sums + kBlock;
        hn::StoreU(narrowed(hn::Load(d, other), hn::Load(d, other + kPanel)), two, to + right);
      }
    }
    for (; r < run; ++r, sums += kPanel, to += step) {
      hn::StoreU(narrowed(hn::Load(d, sums)), h, to);
      if constexpr (kRight) hn::StoreU(narrowed(hn::Load(d, sums + kBlock)), h, to + right);
    }
  }

  const Product& p_;
  uint16_t* line_;
  int64_t column_ = 0;
};

template <bool kRight>
void multiply_panel(const Product& p, const uint16_t* panel, uint16_t* y) {
  const int64_t positions = (p.lines - 1) * p.columns + p.width;
  HWY_ALIGN float sums[2 * kRows * kPanel];
  Place place(p, y);
  for (int64_t first = 0; first < positions; first += 2 * kRows) {
    const int64_t rows = std::min(2 * kRows, positions - first);
    if (rows > kRows) sums_of<true, kRight>(p, first, panel, sums);
    else sums_of<false, kRight>(p, first, panel, sums);
    place.template store<kRight>(sums, rows);
  }
}

void multiply(const Product& p) {
  for (int64_t block = 0; block < p.blocks; block += 2) {
    const uint16_t* panel = p.packed + block / 2 * p.panel_stride;
    uint16_t* y = p.y + block * p.block_step;
    if (block + 1 < p.blocks) multiply_panel<true>(p, panel, y);
    else multiply_panel<false>(p, panel, y);
  }
}

template <bool kLower, bool kRight>
void add_tiles(const Gradient& g) {
  if (g.first) {
    clear_sums<kLower, kRight>();
  } else {
    Tiles::load<0>(g.sums[0][0], kLine);
    if constexpr (kRight) Tiles::load<1>(g.sums[0][1], kLine);
    if constexpr (kLower) Tiles::load<2>(g.sums[1][0], kLine);
    if constexpr (kLower && kRight) Tiles::load<3>(g.sums[1][1], kLine);
  }
  for (int64_t band = 0; band < g.bands; ++band) {
    const uint16_t *upper = g.a[0] + band * g.a_band, *left = g.b[0] + band * g.b_band;
    const uint16_t *lower = kLower ? g.a[1] + band * g.a_band : nullptr,
                   *right = kRight ? g.b[1] + band * g.b_band : nullptr;
    for (int64_t step = 0; step < g.steps; ++step) {
      multiply_tiles<kLower, kRight>(upper, lower, kLine, left, right, kLine);
      upper += kPositions * kBlock, left += kPositions * kBlock;
      if constexpr (kLower) lower += kPositions * kBlock;
      if constexpr (kRight) right += kPositions * kBlock;
    }
  }
  Tiles::store<0>(g.sums[0][0], kLine);
  if constexpr (kRight) Tiles::store<1>(g.sums[0][1], kLine);
  if constexpr (kLower) Tiles::store<2>(g.sums[1][0], kLine);
  if constexpr (kLower && kRight) Tiles::store<3>(g.sums[1][1], kLine);
}

void add_gradient(const Gradient& g) {
  if (g.a[1]) g.b[1] ? add_tiles<true, true>(g) : add_tiles<true, false>(g);
  else g.b[1] ? add_tiles<false, true>(g) : add_tiles<false, false>(g);
}

void join(const uint16_t* first, const uint16_t* second, int64_t step, int64_t count,
          uint16_t* to) {
  const H h;
  for (int64_t i = 0; i < count; ++i, first += step, to += kPair) {
    hn::Store(hn::LoadU(h, first), h, to);
    hn::Store(second ? hn::LoadU(h, second + i * step) : hn::Zero(h), h, to + kBlock);
  }
}

// Walks over the positions of lines.
class Positions {
 public:
  explicit Positions(const PaddedLines& lines) : l_(lines) {}
  // The next ones, [position][16 channels].
  HWY_INLINE void copy(int64_t count, uint16_t* to) {
    const H h;
    while (count > 0) {
      const uint16_t* line = line_ < l_.count ? l_.lines[line_] : nullptr;
      const bool pixels = line && column_ >= l_.begin && column_ < l_.end;
      const int64_t until = !line || column_ >= l_.end ? l_.columns : pixels ? l_.end : l_.begin;
      const int64_t run = std::min(count, until - column_);
      const uint16_t* from = pixels ? line + (column_ - l_.begin) * l_.step : nullptr;
      for (int64_t i = 0; i < run; ++i, to += kBlock)
        hn::Store(pixels ? hn::LoadU(h, from + i * l_.step) : hn::Zero(h), h, to);
      count -= run, column_ += run;
      if (column_ == l_.columns) column_ = 0, ++line_;
    }
  }

 private:
  const PaddedLines& l_;
  int64_t line_ = 0, column_ = 0;
};

HWY_INLINE hn::Vec<W> pair_at(const uint16_t* position) {
  const H h;
  return paired(hn::Load(h, position), hn::Load(h, position + kBlock));
}

void transpose(const PaddedLines& from, int64_t positions, uint16_t* to) {
  HWY_ALIGN uint16_t some[kPositions * kBlock];
  Positions walk(from);
  for (int64_t p = 0; p < positions; p += kPositions) {
    walk.copy(kPositions, some);
    __m512i lines[16];
    for (int64_t k = 0; k < 16; ++k) lines[k] = pair_at(some + 2 * k * kBlock).raw;
    transpose_words(lines);
    for (int64_t c = 0; c < kBlock; ++c, to += kPositions) _mm512_store_si512(to, lines[c]);
  }
}

void pair(const PaddedLines& from, int64_t pairs, uint16_t* even, uint16_t* odd) {
  const W w;
  HWY_ALIGN uint16_t some[(kPositions + 1) * kBlock];
  Positions walk(from);
  walk.copy(1, some);
  for (int64_t p = 0; p < pairs; p += kPositions / 2) {
    walk.copy(kPositions, some + kBlock);
    const int64_t count = std::min(kPositions / 2, pairs - p);
    for (int64_t i = 0; i < count; ++i, even += kPair) {
      const uint16_t* at = some + 2 * i * kBlock;
      hn::Store(pair_at(at), w, reinterpret_cast<uint32_t*>(even));
      if (odd) hn::Store(pair_at(at + kBlock), w, reinterpret_cast<uint32_t*>(odd)), odd += kPair;
    }
    std::copy_n(some + kPositions * kBlock, kBlock, some);
  }
}

void turn(const float* from, int64_t count, int64_t step, uint16_t* to) {
  const D d;
  const H h;
  __m512i lines[16];
  for (int64_t i = 0; i < kBlock; ++i) {
    auto sum = hn::Load(d, from + i * kBlock);
    for (int64_t k = 1; k < count; ++k)
      sum = hn::Add(sum, hn::Load(d, from + k * step + i * kBlock));
    lines[i] = _mm512_castps_si512(sum.raw);
  }
  transpose_words(lines);
  for (int64_t i = 0; i < kBlock; ++i)
    hn::StoreU(narrowed(hn::Vec<D>{_mm512_castsi512_ps(lines[i])}), h, to + i * kBlock);
}

}  // namespace

const Kernels* table() {
  static const Kernels kTable = {begin, end, multiply, add_gradient, join, transpose, pair, turn};
  return &kTable;
}

#else

const Kernels* table() { return nullptr; }

#endif

}  // namespace cairn::cpu::lines_bf16::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu::lines_bf16 {
HWY_EXPORT(table);

const Kernels* kernels() { return x86_extensions().amx ? HWY_DYNAMIC_DISPATCH(table)() : nullptr; }

}  // namespace cairn::cpu::lines_bf16
#endif
