// Backward pass. For a block of queries and a block of keys, with P = exp2(S - lse) recomputed:
//   S'  [keys][queries]  = K Q'         as in the forward pass
//   dP' [keys][queries]  = V dO'
//   dS'                  = scale * P' (dP' - delta),  delta = rowsum(dO O)
//   dV  [keys][D]       += P' dO        A by rows
//   dK  [keys][D]       += dS' Q        A by rows
//   dQ  [queries][D]    += dS K         A = dS' by columns
// Where lse is so large that it has lost the logarithm of the row's sum (all keys under a mask of
// -1e30), P = exp2(S - maximum - log2(sum)), both found anew.
// The last three add straight into the outputs, so extra memory is a few blocks a thread.
#include <atomic>
#include <cmath>

#include "cairn/backend/cpu/attention/attention.h"
#include "cairn/backend/cpu/attention/layout.h"
#include "cairn/backend/cpu/simd_targets.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/attention/backward.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "cairn/backend/cpu/attention/panel-inl.h"
#include "cairn/backend/cpu/attention/tile-inl.h"
#include "cairn/backend/cpu/attention/tile_amx-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::attention::HWY_NAMESPACE {
namespace {

constexpr int64_t kBlock = kBackwardQueries;  // stride of rows of P' and dS'
constexpr float kFar = 1024;                  // beyond it f32 knows lse to no more than 6e-5

struct BackwardCall {
  const AttentionPlan& plan;
  const AttentionInputs& in;
  const AttentionGradients& grad;
};

// A block of queries of one head and what of it is needed against every block of keys.
struct QueryBlock {
  int64_t batch, head, kv_head, query, count;
  Rows queries, douts;  // [count][D]; bf16: none, they are in the scratch
  bool want_dq, want_dkv;
  bool far;  // of some row lse does not tell the sum
};

// First element of batch b, head h, token t.
template <class T>
HWY_INLINE T* at(T* base, const TokenStrides& s, int64_t b, int64_t h, int64_t t) {
  return base + b * s.batch + h * s.head + t * s.token;
}

HWY_INLINE float dot(const float* a, const float* b, int64_t count) {
  const F32 d;
  VF sum = hn::Zero(d);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    sum = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum);
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < count; ++i) total += a[i] * b[i];
  return total;
}

HWY_INLINE QueryBlock load_queries(const BackwardCall& call, const BackwardScratch& work, int64_t b,
                                   int64_t h, int64_t query, bool want_dq, bool want_dkv) {
  const AttentionShape& s = call.plan.shape;
  const int64_t count = std::min(kBlock, s.queries - query),
                keys = key_count(call.plan, call.in, b);
  const TokenStrides &qs = call.in.q_strides, &ds = call.grad.dout_strides,
                     &os = call.grad.out_strides;
  const float *q = at(call.in.q, qs, b, h, query), *dout = at(call.grad.dout, ds, b, h, query);
  const float *out = at(call.grad.out, os, b, h, query),
              *lse = call.grad.lse + (b * s.heads + h) * s.queries + query;
  const float scale = call.plan.options.scale * kLog2E;
  const bool bf16 = call.plan.options.bf16;
  if (bf16) {
    narrow_transposed(q, qs.token, count, s.dim, scale, work.narrow.queries_t);
    narrow_transposed(dout, ds.token, count, s.dim, 1, work.narrow.douts_t);
    if (want_dkv) {
      narrow_pairs(q, qs.token, count, s.dim, work.narrow.queries);
      narrow_pairs(dout, ds.token, count, s.dim, work.narrow.douts);
    }
  } else {
    pack_panels(q, qs.token, count, s.dim, scale, work.queries_t);
    pack_panels(dout, ds.token, count, s.dim, 1, work.douts_t);
  }
  bool far = false;
  for (int64_t i = 0; i < kBlock; ++i) {
    const bool real = i < count, empty = !real || lse[i] == kMinusInfinity;
    work.last[i] = real ? static_cast<int32_t>(last_key(call.plan, keys, query + i)) : -1;
    work.lse[i] = empty ? -kMinusInfinity : lse[i] * kLog2E;  // exp2(S - infinity) = 0
    far |= !empty && std::fabs(lse[i]) > kFar && std::isfinite(lse[i]);
    work.delta[i] = real ? dot(dout + i * ds.token, out + i * os.token, s.dim) : 0;
  }
  return {b,
          h,
          h / (s.heads / s.kv_heads),
          query,
          count,
          bf16 ? Rows{} : contiguous_rows(q, qs.token, count, s.dim, work.queries),
          bf16 ? Rows{} : contiguous_rows(dout, ds.token, count, s.dim, work.douts),
          want_dq,
          want_dkv,
          far};
}

// `count` keys and values from `key` on, as the products read them.
struct KeyRows {
  Rows keys, values;  // bf16: none, they are in the scratch
};
HWY_INLINE KeyRows load_keys(const BackwardCall& call, const BackwardScratch& work, int64_t b,
                             int64_t kv_head, int64_t key, int64_t count, bool want_dq) {
  const AttentionInputs& in = call.in;
  const int64_t dim = call.plan.shape.dim;
  const float *k = at(in.k, in.k_strides, b, kv_head, key),
              *v = at(in.v, in.v_strides, b, kv_head, key);
  if (!call.plan.options.bf16)
    return {contiguous_rows(k, in.k_strides.token, count, dim, work.keys),
            contiguous_rows(v, in.v_strides.token, count, dim, work.values)};
  narrow_lines(k, in.k_strides.token, count, dim, work.narrow.keys_a);
  narrow_lines(v, in.v_strides.token, count, dim, work.narrow.values);
  if (want_dq) narrow_pairs(k, in.k_strides.token, count, dim, work.narrow.keys);
  return {};
}

// One panel of queries_t or douts_t from column `first` on by `count` rows of keys or values.
HWY_INLINE void multiply_rows(const AttentionPlan& plan, int64_t count, int64_t first, Rows rows,
                              const float* panels, const uint16_t* narrow_rows,
                              const uint16_t* narrow_panels, float* to) {
  const int64_t dim = plan.shape.dim, steps = steps_of(dim);
  if (plan.options.bf16)
    return multiply_narrow(
        count, kPanel, steps,
        {narrow_rows, steps, narrow_panels + first / kPanel * panel_elements(steps), steps, to,
         kBlock},
        false);
  multiply<Order::rows>(count, kPanel, dim,
                        {rows.data, rows.stride, panels + first * dim, kPanel, to, kBlock}, false);
}

// S' of one panel of queries against the keys of `place`, left in `scores`.
HWY_INLINE void panel_scores(const BackwardCall& call, const BackwardScratch& work,
                             const PanelPlace& place, int64_t first, Rows keys, float* scores) {
  multiply_rows(call.plan, place.keys, first, keys, work.queries_t, work.narrow.keys_a,
                work.narrow.queries_t, scores);
  if (call.in.mask) add_mask(call.in, place, work.mask, scores, kBlock);
  const int32_t* last = work.last + first;
  if (place.key + place.keys - 1 > last[0]) hide_keys(last, place.key, place.keys, scores, kBlock);
}

// The largest score of each row so far, and its sum of exp2(score - largest).
HWY_NOINLINE void sum_scores(int64_t keys, const float* scores, float* largest, float* sums) {
  const F32 d;
  for (int64_t v = 0; v < kPanel; v += kLanes) {
    const VF old = hn::LoadU(d, largest + v);
    VF top = old;
    for (int64_t j = 0; j < keys; ++j) top = hn::Max(top, hn::LoadU(d, scores + j * kBlock + v));
    const VF base = hn::IfThenZeroElse(hn::Eq(top, hn::Set(d, kMinusInfinity)), top);
    VF sum = hn::Mul(hn::LoadU(d, sums + v), exp2_vec(hn::Sub(old, base)));
    for (int64_t j = 0; j < keys; ++j)
      sum = hn::Add(sum, exp2_vec(hn::Sub(hn::LoadU(d, scores + j * kBlock + v), base)));
    hn::StoreU(top, d, largest + v);
    hn::StoreU(sum, d, sums + v);
  }
}

// For rows whose lse is beyond kFar: shift becomes the largest score, lse the logarithm of the sum.
HWY_NOINLINE void settle_far_rows(const BackwardCall& call, const BackwardScratch& work,
                                  const QueryBlock& block) {
  const int64_t b = block.batch, end = work.last[block.count - 1] + 1;
  float sums[kBlock];
  std::fill_n(sums, kBlock, 0.0f);
  std::fill_n(work.shift, kBlock, kMinusInfinity);
  for (int64_t key = 0; key < end; key += kKeyBlock) {
    const int64_t here = std::min(kKeyBlock, end - key);
    const Rows keys = load_keys(call, work, b, block.kv_head, key, here, false).keys;
    for (int64_t i = 0; i < block.count; i += kPanel) {
      const int64_t rows = std::min<int64_t>(kPanel, block.count - i);
      const int64_t seen = std::min<int64_t>(work.last[i + rows - 1] + 1 - key, here);
      if (seen <= 0) continue;
      panel_scores(call, work, {b, block.head, block.query + i, key, rows, seen}, i, keys,
                   work.weights + i);
      sum_scores(seen, work.weights + i, work.shift + i, sums + i);
    }
  }
  for (int64_t i = 0; i < kBlock; ++i) {
    const bool far = std::fabs(work.lse[i]) > kFar * kLog2E && std::isfinite(work.lse[i]);
    if (far) work.lse[i] = std::log2(sums[i]);
    else work.shift[i] = 0;
  }
}

// weights: S' becomes P' (with dropout applied); dscores: dP' becomes dS'.
template <bool kDropout, bool kShift>
HWY_NOINLINE void weights_and_gradients(int64_t keys, float scale, const float* shift,
                                        const float* lse, const float* delta, const float* factors,
                                        float* weights, float* dscores) {
  const F32 d;
  for (int64_t v = 0; v < kPanel; v += kLanes) {
    const VF row_lse = hn::LoadU(d, lse + v), row_delta = hn::LoadU(d, delta + v);
    for (int64_t j = 0; j < keys; ++j) {
      float *w = weights + j * kBlock + v, *ds = dscores + j * kBlock + v;
      VF score = hn::LoadU(d, w);
      if constexpr (kShift) score = hn::Sub(score, hn::LoadU(d, shift + v));
      const VF p = exp2_vec(hn::Sub(score, row_lse));
      VF dp = hn::LoadU(d, ds), kept = p;
      if constexpr (kDropout) {
        const VF factor = hn::LoadU(d, factors + j * kPanel + v);
        dp = hn::Mul(dp, factor), kept = hn::Mul(p, factor);
      }
      hn::StoreU(kept, d, w);
      hn::StoreU(hn::Mul(hn::Mul(hn::Set(d, scale), p), hn::Sub(dp, row_delta)), d, ds);
    }
  }
}

// P' and dS' of one panel of queries against `keys` keys, of which it sees the first `visible`.
HWY_INLINE void panel_gradients(const BackwardCall& call, const BackwardScratch& work,
                                const PanelPlace& place, int64_t first, int64_t visible, bool far,
                                Rows keys, Rows values) {
  float *weights = work.weights + first, *dscores = work.dscores + first;
  PanelPlace seen = place;
  seen.keys = visible;
  panel_scores(call, work, seen, first, keys, weights);
  multiply_rows(call.plan, visible, first, values, work.douts_t, work.narrow.values,
                work.narrow.douts_t, dscores);
  const bool dropout = call.plan.options.dropout > 0;
  if (dropout) dropout_factors(call.plan, call.in, seen, work.mask);
  const auto finish =
      dropout ? far ? weights_and_gradients<true, true> : weights_and_gradients<true, false>
      : far ? weights_and_gradients<false, true>
              : weights_and_gradients<false, false>;
  finish(visible, call.plan.options.scale, work.shift + first, work.lse + first, work.delta + first,
         work.mask, weights, dscores);
  for (int64_t j = visible; j < place.keys; ++j) {
    std::fill_n(weights + j * kBlock, kPanel, 0.0f);
    std::fill_n(dscores + j * kBlock, kPanel, 0.0f);
  }
}

// to [visible][D] += M' rows, M a part of P' or dS' for queries [first, first + count).
HWY_INLINE void add_rows(const AttentionPlan& plan, const BackwardScratch& work, int64_t visible,
                         int64_t first, int64_t count, const float* m, Rows rows,
                         const uint16_t* narrow_rows, int64_t queries, float* to, int64_t stride) {
  const int64_t dim = plan.shape.dim;
  if (plan.options.bf16) {
    const int64_t steps = steps_of(count);
    narrow_lines(m + first, kBlock, visible, count, work.narrow.weights);
    return multiply_narrow(
        visible, dim, steps,
        {work.narrow.weights, steps, narrow_rows + panel_elements(first / kTileDepth),
         steps_of(queries), to, stride},
        true);
  }
  multiply<Order::rows>(
      visible, dim, count,
      {m + first, kBlock, rows.data + first * rows.stride, rows.stride, to, stride}, true);
}

// Adds to dv, dk and dq what queries [first, first + rows) of the block and `visible` of `count`
// keys from `key` on give.
HWY_INLINE void add_gradients(const BackwardCall& call, const BackwardScratch& work,
                              const QueryBlock& block, int64_t first, int64_t rows, int64_t key,
                              int64_t visible, int64_t count, Rows keys) {
  const AttentionGradients& g = call.grad;
  const int64_t b = block.batch, dim = call.plan.shape.dim;
  if (block.want_dkv) {
    add_rows(call.plan, work, visible, first, rows, work.weights, block.douts, work.narrow.douts,
             block.count, at(g.dv, g.dv_strides, b, block.kv_head, key), g.dv_strides.token);
    add_rows(call.plan, work, visible, first, rows, work.dscores, block.queries,
             work.narrow.queries, block.count, at(g.dk, g.dk_strides, b, block.kv_head, key),
             g.dk_strides.token);
  }
  if (!block.want_dq) return;
  float* dq = at(g.dq, g.dq_strides, b, block.head, block.query + first);
  const float* dscores = work.dscores + first;
  if (call.plan.options.bf16) {
    const int64_t steps = steps_of(visible);
    narrow_columns(dscores, kBlock, rows, visible, work.narrow.weights);
    return multiply_narrow(
        rows, dim, steps,
        {work.narrow.weights, steps, work.narrow.keys, steps_of(count), dq, g.dq_strides.token},
        true);
  }
  multiply<Order::columns>(rows, dim, visible,
                           {dscores, kBlock, keys.data, keys.stride, dq, g.dq_strides.token}, true);
}

// One block of keys against one block of queries. Where the causal diagonal cuts the block, the
// products go by parts of the queries, to leave out most of what is hidden.
HWY_INLINE void backward_keys(const BackwardCall& call, const BackwardScratch& work,
                              const QueryBlock& block, int64_t key, int64_t here) {
  const int64_t b = block.batch;
  const auto [keys, values] = load_keys(call, work, b, block.kv_head, key, here, block.want_dq);
  const int64_t step = work.last[0] < key + here - 1 ? kMaxPanel : kBlock;
  const auto visible = [&](int64_t last_query) {
    return std::clamp<int64_t>(work.last[last_query] + 1 - key, 0, here);
  };
  for (int64_t first = 0; first < block.count; first += step) {
    const int64_t end = std::min(first + step, block.count), seen = visible(end - 1);
    if (seen == 0) continue;
    for (int64_t i = first; i < end; i += kPanel) {
      const int64_t rows = std::min<int64_t>(kPanel, end - i);
      panel_gradients(call, work, {b, block.head, block.query + i, key, rows, seen}, i,
                      visible(i + rows - 1), block.far, keys, values);
    }
    add_gradients(call, work, block, first, end - first, key, seen, here, keys);
  }
}

HWY_INLINE void clear_rows(float* rows, int64_t stride, int64_t count, int64_t dim) {
  for (int64_t i = 0; i < count; ++i) std::fill_n(rows + i * stride, dim, 0.0f);
}

// One block of queries against keys [begin, end).
void backward_queries(const BackwardCall& call, const BackwardScratch& work, int64_t b, int64_t h,
                      int64_t query, int64_t begin, int64_t end, bool want_dq, bool want_dkv) {
  const QueryBlock block = load_queries(call, work, b, h, query, want_dq, want_dkv);
  const AttentionGradients& g = call.grad;
  if (block.far) settle_far_rows(call, work, block);
  if (want_dq)
    clear_rows(at(g.dq, g.dq_strides, b, h, query), g.dq_strides.token, block.count,
               call.plan.shape.dim);
  end = std::min<int64_t>(end, work.last[block.count - 1] + 1);
  for (int64_t key = begin; key < end; key += kKeyBlock)
    backward_keys(call, work, block, key, std::min(kKeyBlock, end - key));
}

// dk and dv of keys [begin, end) of one key head, and dq of its query heads if wanted (then all
// keys).
void backward_key_range(const BackwardCall& call, const BackwardScratch& work, int64_t b,
                        int64_t kv_head, int64_t begin, int64_t end, bool want_dq) {
  const AttentionShape& s = call.plan.shape;
  const AttentionGradients& g = call.grad;
  clear_rows(at(g.dk, g.dk_strides, b, kv_head, begin), g.dk_strides.token, end - begin, s.dim);
  clear_rows(at(g.dv, g.dv_strides, b, kv_head, begin), g.dv_strides.token, end - begin, s.dim);
  const int64_t group = s.heads / s.kv_heads;
  for (int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h)
    for (int64_t query = 0; query < s.queries; query += kBlock)
      backward_queries(call, work, b, h, query, begin, end, want_dq, true);
}

// One thread: takes pieces of work until none is left. Every output element is written by one piece
// only.
void backward_entry(const AttentionPlan& plan, const AttentionInputs& in,
                    const AttentionGradients& grad, const BackwardScratch& work,
                    std::atomic<int64_t>& next) {
  const BackwardCall call{plan, in, grad};
  const AttentionShape& s = plan.shape;
  const int64_t kv_items = s.batch * s.kv_heads;
  if (kv_items == 0) return;
  const TilesOfPass tiles(plan.options.bf16);
  const auto take = [&] { return next.fetch_add(1, std::memory_order_relaxed); };
  if (!plan.split_backward) {
    for (int64_t i; (i = take()) < kv_items;)
      backward_key_range(call, work, i / s.kv_heads, i % s.kv_heads, 0, s.keys, true);
    return;
  }
  const int64_t key_blocks = ceil_div(s.keys, kKeyBlock),
                query_blocks = ceil_div(s.queries, kBlock);
  const int64_t wanted = ceil_div(4 * plan.threads, kv_items);
  const int64_t range = std::max<int64_t>(1, key_blocks / wanted) * kKeyBlock;
  const int64_t ranges = ceil_div(s.keys, range), key_items = kv_items * ranges;
  for (int64_t i; (i = take()) < key_items + s.batch * s.heads * query_blocks;) {
    if (i < key_items) {
      const int64_t item = i / ranges, begin = i % ranges * range;
      backward_key_range(call, work, item / s.kv_heads, item % s.kv_heads, begin,
                         std::min(begin + range, s.keys), false);
    } else {
      const int64_t item = (i - key_items) / query_blocks, block = (i - key_items) % query_blocks;
      backward_queries(call, work, item / s.heads, item % s.heads, block * kBlock, 0, s.keys, true,
                       false);
    }
  }
}

}  // namespace
}  // namespace cairn::cpu::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {
namespace attention {
HWY_EXPORT(backward_entry);
// A build for one target (Arm, -march=native) names its namespace, of which there are two further
// out.
auto backward_kernel() { return HWY_DYNAMIC_DISPATCH(backward_entry); }
}  // namespace attention

void attention_backward(const AttentionPlan& plan, const AttentionInputs& in,
                        const AttentionGradients& grad, void* workspace) {
  using namespace attention;
  const auto entry = backward_kernel();
  std::atomic<int64_t> next{0};
  parallel_region(
      [&](int thread, int) {
        Carver carver(workspace);
        for (int t = 0; t < thread; ++t) BackwardScratch(carver, plan);
        entry(plan, in, grad, BackwardScratch(carver, plan), next);
      },
      plan.threads);
}

}  // namespace cairn::cpu
#endif
