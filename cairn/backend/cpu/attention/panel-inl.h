// What happens to one panel of scores between two products: a panel holds the scores of kPanel
// queries (a lane each) against a block of keys (a row each), so that softmax over keys is
// vertical, without shuffles. Per-target guard: read once for each instruction set.
#if defined(CAIRN_ATTENTION_PANEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_ATTENTION_PANEL_INL_H_
#undef CAIRN_ATTENTION_PANEL_INL_H_
#else
#define CAIRN_ATTENTION_PANEL_INL_H_
#endif

#include <cmath>
#include <cstring>
#include <limits>

#include "cairn/backend/cpu/attention/layout.h"
#include "cairn/backend/cpu/attention/vector-inl.h"
#include "cairn/base/philox.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::attention::HWY_NAMESPACE {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// Asks for rows that are needed soon: the hardware does not look across the gaps between them.
HWY_INLINE void prefetch_rows(const float* from, int64_t stride, int64_t count, int64_t dim) {
  for (int64_t i = 0; i < count; ++i)
    for (int64_t c = 0; c < dim; c += 16) hwy::Prefetch(from + i * stride + c);
}

// Rows of a block of keys or values, one below the other: copied only when they are not so already,
// because rows a page apart would fall on the same few lines of the L1 cache.
struct Rows {
  const float* data;
  int64_t stride;
};
HWY_INLINE Rows contiguous_rows(const float* from, int64_t stride, int64_t count, int64_t dim,
                                float* copy) {
  if (stride == dim) return {from, stride};
  constexpr int64_t kAhead = 8;
  prefetch_rows(from, stride, std::min(kAhead, count), dim);
  for (int64_t i = 0; i < count; ++i) {
    if (i + kAhead < count) prefetch_rows(from + (i + kAhead) * stride, stride, 1, dim);
    std::memcpy(copy + i * dim, from + i * stride, dim * sizeof(float));
  }
  return {copy, dim};
}

// Transposes `count` rows of width `dim` into panels [dim][kPanel], the last one filled up with
// zeros.
HWY_INLINE void pack_panels(const float* rows, int64_t stride, int64_t count, int64_t dim,
                            float scale, float* panels) {
  for (int64_t i = 0; i < count; i += kPanel, panels += dim * kPanel) {
    const int64_t here = std::min<int64_t>(kPanel, count - i);
    prefetch_rows(rows + (i + here) * stride, stride, std::min<int64_t>(kPanel, count - i - here),
                  dim);
    if (here < kPanel) std::memset(panels, 0, dim * kPanel * sizeof(float));
    transpose(rows + i * stride, stride, here, dim, scale, panels, kPanel);
  }
}

// A panel of `keys` x `queries` scores in place in the whole matrix [B, Hq, Tq, Tk].
struct PanelPlace {
  int64_t batch, head, query, key;
  int64_t queries, keys;  // how many of each
};

// log2(e) * mask, finite where the mask is: -3.4e38 hides a key only as long as there are others.
constexpr float kLowestScore = -3e38f;
inline float scaled_mask(float mask) {
  return mask > kMinusInfinity && mask * kLog2E < kLowestScore ? kLowestScore : mask * kLog2E;
}

// scores += log2(e) * mask, through a transposed copy of the mask's part.
HWY_INLINE void add_mask(const AttentionInputs& in, const PanelPlace& at, float* scratch,
                         float* scores, int64_t stride) {
  const F32 d;
  const TokenStrides& s = in.mask_strides;
  const float* mask = in.mask + at.batch * s.batch + at.head * s.head + at.query * s.token + at.key;
  transpose(mask, s.token, at.queries, at.keys, 1.0f, scratch, kPanel);
  const VF lowest = hn::Set(d, kLowestScore), nowhere = hn::Set(d, kMinusInfinity),
           factor = hn::Set(d, kLog2E);
  for (int64_t j = 0; j < at.keys; ++j)
    for (int64_t v = 0; v < kPanel; v += kLanes) {
      float* to = scores + j * stride + v;
      const VF m = hn::LoadU(d, scratch + j * kPanel + v), scaled = hn::Mul(m, factor);
      const VF seen = hn::IfThenElse(hn::Gt(m, nowhere), hn::Max(scaled, lowest), scaled);
      hn::StoreU(hn::Add(hn::LoadU(d, to), seen), d, to);
    }
}

// Scores of keys that a query may not see become -infinity; last[lane] is the last visible key.
HWY_INLINE void hide_keys(const int32_t* last, int64_t first_key, int64_t keys, float* scores,
                          int64_t stride) {
  const F32 d;
  const I32 di;
  const VF hidden = hn::Set(d, kMinusInfinity);
  for (int64_t v = 0; v < kPanel; v += kLanes) {
    const auto limit = hn::LoadU(di, last + v);
    for (int64_t j = 0; j < keys; ++j) {
      const auto beyond =
          hn::RebindMask(d, hn::Lt(limit, hn::Set(di, static_cast<int32_t>(first_key + j))));
      float* to = scores + j * stride + v;
      hn::StoreU(hn::IfThenElse(beyond, hidden, hn::LoadU(d, to)), d, to);
    }
  }
}

#if HWY_TARGET != HWY_SCALAR
using VU = hn::Vec<U32>;

HWY_INLINE void multiply_wide(VU a, VU factor, VU& high, VU& low) {
  const U32 d;
  const hn::RepartitionToWide<U32> wide;
  const auto even = hn::MulEven(a, factor);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), factor);
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
}

// philox4x32 of base/philox.h, one counter a lane.
HWY_INLINE void philox_vec(const AttentionInputs& in, VU index_low, VU index_high, VU* words) {
  const U32 d;
  VU c0 = hn::Set(d, static_cast<uint32_t>(in.offset)),
     c1 = hn::Set(d, static_cast<uint32_t>(in.offset >> 32));
  VU c2 = index_low, c3 = index_high;
  uint32_t key0 = static_cast<uint32_t>(in.seed), key1 = static_cast<uint32_t>(in.seed >> 32);
  for (int round = 0; round < 10; ++round, key0 += 0x9E3779B9, key1 += 0xBB67AE85) {
    VU high0, low0, high1, low1;
    multiply_wide(c0, hn::Set(d, 0xD2511F53u), high0, low0);
    multiply_wide(c2, hn::Set(d, 0xCD9E8D57u), high1, low1);
    c0 = hn::Xor(hn::Xor(high1, c1), hn::Set(d, key0)), c1 = low1;
    c2 = hn::Xor(hn::Xor(high0, c3), hn::Set(d, key1)), c3 = low0;
  }
  words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}
#endif

// factors[j][lane] = 0 for dropped weights, 1 / (1 - p) for kept ones. Four neighbouring keys share
// one Philox block when the row starts at a multiple of four; otherwise they straddle two, so that
// the block after next of one step is the first of the next.
[[maybe_unused]] HWY_NOINLINE static void dropout_factors(const AttentionPlan& plan,
                                                          const AttentionInputs& in,
                                                          const PanelPlace& at, float* factors) {
  const AttentionShape& s = plan.shape;
  const float kept = 1 / (1 - plan.options.dropout);
  const int32_t threshold = static_cast<int32_t>(std::ceil(plan.options.dropout * 0x1p24f));
  const auto first_index = [&](int64_t lane) {
    return static_cast<uint64_t>(
        ((at.batch * s.heads + at.head) * s.queries + at.query + lane) * s.keys + at.key);
  };
#if HWY_TARGET == HWY_SCALAR
  for (int64_t lane = 0; lane < at.queries; ++lane)
    for (int64_t j = 0; j < at.keys; ++j) {
      const uint64_t i = first_index(lane) + static_cast<uint64_t>(j);
      const uint32_t word = philox(in.seed, in.offset, i / 4)[i % 4];
      factors[j * kPanel + lane] = static_cast<int32_t>(word >> 8) < threshold ? 0 : kept;
    }
#else
  const F32 d;
  const U32 du;
  const I32 di;
  for (int64_t v = 0; v < kPanel; v += kLanes) {
    alignas(64) uint32_t low[kLanes], high[kLanes], phase[kLanes];
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const uint64_t i = first_index(v + lane);
      low[lane] = static_cast<uint32_t>(i / 4), high[lane] = static_cast<uint32_t>(i / 4 >> 32);
      phase[lane] = static_cast<uint32_t>(i % 4);
    }
    VU c_low = hn::LoadU(du, low), c_high = hn::LoadU(du, high);
    const VU shift = hn::LoadU(du, phase), one = hn::Set(du, 1u);
    const auto by1 = hn::Eq(shift, one), by2 = hn::Eq(shift, hn::Set(du, 2u)),
               by3 = hn::Eq(shift, hn::Set(du, 3u));
    VU words[8];
    philox_vec(in, c_low, c_high, words);
    for (int64_t j = 0; j < at.keys; j += 4) {
      c_low = hn::Add(c_low, one);
      c_high = hn::Add(c_high, hn::IfThenElseZero(hn::Eq(c_low, hn::Zero(du)), one));  // the carry
      philox_vec(in, c_low, c_high, words + 4);
      for (int64_t t = 0; t < std::min<int64_t>(4, at.keys - j); ++t) {
        VU word = hn::IfThenElse(by1, words[t + 1], words[t]);
        word = hn::IfThenElse(by2, words[t + 2], word);
        word = hn::IfThenElse(by3, words[t + 3], word);
        const auto drop = hn::Lt(hn::BitCast(di, hn::ShiftRight<8>(word)), hn::Set(di, threshold));
        hn::StoreU(hn::IfThenZeroElse(hn::RebindMask(d, drop), hn::Set(d, kept)), d,
                   factors + (j + t) * kPanel + v);
      }
      for (int t = 0; t < 4; ++t) words[t] = words[t + 4];
    }
  }
#endif
}

}  // namespace cairn::cpu::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // CAIRN_ATTENTION_PANEL_INL_H_
