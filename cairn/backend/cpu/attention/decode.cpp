// Forward pass for few queries against a long cache: every key and value is read once, so memory
// sets the pace. Vectors run along D. When heads are fewer than threads the keys of a head are
// split in parts; each leaves (maximum, sum, output) and the parts are combined in fixed order
// ("Flash-Decoding", Dao et al. 2023).
#include <algorithm>
#include <cmath>

#include "cairn/backend/cpu/attention/attention.h"
#include "cairn/backend/cpu/attention/decode.h"
#include "cairn/backend/cpu/attention/layout.h"
#include "cairn/backend/cpu/simd_targets.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/attention/decode.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "cairn/backend/cpu/attention/panel-inl.h"
#include "cairn/backend/cpu/store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::attention::HWY_NAMESPACE {
namespace {

// Keys of a block, and their values, are read as several streams far apart, a row of each at a
// time: one stream alone the processor does not fetch fast enough from memory. What does not divide
// evenly comes at the end.
constexpr int64_t kStreams = 4;

HWY_NOINLINE void score_keys(const float* q, const float* k, int64_t stride, int64_t dim,
                             int64_t keys, float* scores) {
  const int64_t length = keys / kStreams;
  const float* at[kStreams];
  for (int64_t j = 0; j < length; ++j) {
    for (int64_t s = 0; s < kStreams; ++s) at[s] = k + (j + s * length) * stride;
    dots<kStreams>(q, at, dim, scores + j, length);
  }
  for (int64_t j = kStreams * length; j < keys; ++j) {
    at[0] = k + j * stride;
    dots<1>(q, at, dim, scores + j, 1);
  }
}

// out[0 .. kVectors) = rescale * out + sum over keys of weights[j] * v[j]. kPartial: `columns` <
// kLanes remain.
template <int kVectors, bool kPartial = false>
HWY_INLINE void weigh(const float* HWY_RESTRICT weights, const float* HWY_RESTRICT v,
                      int64_t stride, int64_t keys, float rescale, float* HWY_RESTRICT out,
                      int64_t columns = kLanes) {
  const F32 d;
  const auto mask = hn::FirstN(d, static_cast<size_t>(kPartial ? columns : kLanes));
  VF sum[kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i)
    sum[i] = hn::Mul(hn::Set(d, rescale),
                     kPartial ? hn::MaskedLoad(mask, d, out) : hn::LoadU(d, out + i * kLanes));
  const auto add_row = [&](int64_t j) HWY_ATTR {
    const VF w = hn::Set(d, weights[j]);
    const float* row = v + j * stride;
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i)
      sum[i] = hn::MulAdd(
          w, kPartial ? hn::MaskedLoad(mask, d, row) : hn::LoadU(d, row + i * kLanes), sum[i]);
  };
  const int64_t length = keys / kStreams;
  for (int64_t j = 0; j < length; ++j)
#pragma GCC unroll 4
    for (int64_t s = 0; s < kStreams; ++s) add_row(s * length + j);
  for (int64_t j = kStreams * length; j < keys; ++j) add_row(j);
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    if constexpr (kPartial) stores::HWY_NAMESPACE::store_first(sum[i], mask, d, out);
    else hn::StoreU(sum[i], d, out + i * kLanes);
  }
}

HWY_NOINLINE void weigh_values(const float* weights, const float* v, int64_t stride, int64_t keys,
                               float rescale, float* out, int64_t dim) {
  int64_t i = 0;
  for (; i + 8 * kLanes <= dim; i += 8 * kLanes)
    weigh<8>(weights, v + i, stride, keys, rescale, out + i);
  for (; i + 4 * kLanes <= dim; i += 4 * kLanes)
    weigh<4>(weights, v + i, stride, keys, rescale, out + i);
  for (; i + kLanes <= dim; i += kLanes) weigh<1>(weights, v + i, stride, keys, rescale, out + i);
  if (i < dim) weigh<1, true>(weights, v + i, stride, keys, rescale, out + i, dim - i);
}

// Scores become exp2(score - maximum), as do those up to a whole vector; returns the factor for
// what was summed before.
HWY_NOINLINE float softmax_row(float* scores, int64_t keys, float& row_max, float& row_sum) {
  const F32 d;
  std::fill(scores + keys, scores + round_up(keys, kLanes), kMinusInfinity);
  VF top = hn::Set(d, row_max);
  for (int64_t j = 0; j < keys; j += kLanes) top = hn::Max(hn::LoadU(d, scores + j), top);
  const float old = row_max;
  row_max = hn::GetLane(hn::MaxOfLanes(d, top));
  const VF base = hn::Set(d, row_max == kMinusInfinity ? 0.0f : row_max);
  VF sum = hn::Zero(d);
  for (int64_t j = 0; j < keys; j += kLanes) {
    const VF p = exp2_vec(hn::Sub(hn::LoadU(d, scores + j), base));
    hn::StoreU(p, d, scores + j);
    sum = hn::Add(sum, p);
  }
  const float rescale = hn::GetLane(exp2_vec(hn::Sub(hn::Set(d, old), base)));
  row_sum = row_sum * rescale + hn::GetLane(hn::SumOfLanes(d, sum));
  return rescale;
}

// Keys [begin, end) of one key head for all its query rows. partial: [rows][max, sum, output of D].
void decode_part(const AttentionPlan& plan, const AttentionInputs& in, int64_t b, int64_t kv_head,
                 int64_t count, int64_t begin, int64_t end, float* partial, float* scratch) {
  const AttentionShape& s = plan.shape;
  const int64_t group = s.heads / s.kv_heads, rows = group * s.queries, dim = s.dim;
  float *queries = scratch, *scores = scratch + rows * dim;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t h = kv_head * group + r / s.queries, t = r % s.queries;
    const float* q = in.q + b * in.q_strides.batch + h * in.q_strides.head + t * in.q_strides.token;
    for (int64_t i = 0; i < dim; ++i) queries[r * dim + i] = q[i] * (plan.options.scale * kLog2E);
    float* part = partial + r * (2 + dim);
    part[0] = kMinusInfinity;
    std::fill_n(part + 1, 1 + dim, 0.0f);
  }
  const float* k = in.k + b * in.k_strides.batch + kv_head * in.k_strides.head;
  const float* v = in.v + b * in.v_strides.batch + kv_head * in.v_strides.head;
  for (int64_t key = begin; key < end; key += kDecodeKeys)
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t h = kv_head * group + r / s.queries, t = r % s.queries;
      const int64_t keys = std::min({kDecodeKeys, end - key, last_key(plan, count, t) + 1 - key});
      if (keys <= 0) continue;
      float *part = partial + r * (2 + dim), *row = scores + r * kDecodeKeys;
      score_keys(queries + r * dim, k + key * in.k_strides.token, in.k_strides.token, dim, keys,
                 row);
      if (in.mask) {
        const TokenStrides& ms = in.mask_strides;
        const float* mask = in.mask + b * ms.batch + h * ms.head + t * ms.token + key;
        for (int64_t j = 0; j < keys; ++j) row[j] += scaled_mask(mask[j]);
      }
      const float rescale = softmax_row(row, keys, part[0], part[1]);
      weigh_values(row, v + key * in.v_strides.token, in.v_strides.token, keys, rescale, part + 2,
                   dim);
    }
}

}  // namespace
}  // namespace cairn::cpu::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu::attention {

HWY_EXPORT(decode_part);

namespace {

struct DecodeCall {
  const AttentionPlan& plan;
  const AttentionInputs& in;
  float* out;
  const TokenStrides& out_strides;
  float* lse;
  DecodeScratch work;
};

// One query row: the parts brought to a common maximum, added in order and divided by the sum.
void combine_row(const DecodeCall& call, int64_t b, int64_t h, int64_t t) {
  const AttentionShape& s = call.plan.shape;
  const int64_t group = s.heads / s.kv_heads, rows = group * s.queries,
                splits = call.plan.key_splits;
  const int64_t first = (b * s.kv_heads + h / group) * splits * rows + h % group * s.queries + t;
  const auto part = [&](int64_t split) {
    return call.work.partial + (first + split * rows) * call.work.row_size;
  };
  float top = part(0)[0];
  for (int64_t i = 1; i < splits; ++i) top = std::max(top, part(i)[0]);
  const float base = std::isinf(top) && top < 0 ? 0 : top;
  float sum = 0;
  for (int64_t i = 0; i < splits; ++i) sum += part(i)[1] * std::exp2(part(i)[0] - base);
  const TokenStrides& o = call.out_strides;
  float* out = call.out + b * o.batch + h * o.head + t * o.token;
  std::fill_n(out, s.dim, 0.0f);
  for (int64_t i = 0; i < splits && sum != 0; ++i) {
    const float factor = std::exp2(part(i)[0] - base) / sum;
    for (int64_t j = 0; j < s.dim; ++j) out[j] += factor * part(i)[2 + j];
  }
  if (call.lse)
    call.lse[(b * s.heads + h) * s.queries + t] = 0.69314718055994530942f * top + std::log(sum);
}

void combine(const DecodeCall& call, int64_t kv_item) {
  const AttentionShape& s = call.plan.shape;
  const int64_t group = s.heads / s.kv_heads, b = kv_item / s.kv_heads,
                kv_head = kv_item % s.kv_heads;
  for (int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h)
    for (int64_t t = 0; t < s.queries; ++t) combine_row(call, b, h, t);
}

}  // namespace

void decode_forward(const AttentionPlan& plan, const AttentionInputs& in, float* out,
                    const TokenStrides& out_strides, float* lse, void* workspace) {
  Carver carver(workspace);
  const DecodeCall call{plan, in, out, out_strides, lse, DecodeScratch(carver, plan)};
  const AttentionShape& s = plan.shape;
  const int64_t splits = plan.key_splits, items = s.batch * s.kv_heads * splits;
  const int64_t part_size = s.heads / s.kv_heads * s.queries * call.work.row_size;
  const auto entry = HWY_DYNAMIC_DISPATCH(decode_part);
  const int threads = static_cast<int>(std::min<int64_t>(plan.threads, items));
  if (items == 0) return;
  parallel_region(
      [&](int thread, int started) {
        float* scratch = call.work.thread + thread * call.work.thread_size;
        for (int64_t item = items * thread / started; item < items * (thread + 1) / started;
             ++item) {
          const int64_t kv_item = item / splits, b = kv_item / s.kv_heads;
          const int64_t count = key_count(plan, in, b),
                        end = last_key(plan, count, s.queries - 1) + 1;
          const int64_t from = end * (item % splits) / splits,
                        to = end * (item % splits + 1) / splits;
          entry(plan, in, b, kv_item % s.kv_heads, count, from, to,
                call.work.partial + item * part_size, scratch);
          if (splits == 1) combine(call, kv_item);
        }
      },
      threads);
  if (splits > 1)
    for (int64_t i = 0; i < s.batch * s.kv_heads; ++i) combine(call, i);
}

}  // namespace cairn::cpu::attention
#endif
