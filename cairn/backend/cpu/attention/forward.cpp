// Forward pass. For a panel of queries, one a lane:
//   S' [keys][queries]  = K Q'      A = K by rows,     B = Q' packed once per block of queries
//   softmax down the columns, vertical in every lane
//   O' [D][queries]    += V' P'     A = V by columns,  B = P' as it was left by the softmax
// so K and V are used as they lie in memory, and nothing is packed in the inner loop.
#include <atomic>

#include "cairn/backend/cpu/attention/attention.h"
#include "cairn/backend/cpu/attention/decode.h"
#include "cairn/backend/cpu/attention/layout.h"
#include "cairn/backend/cpu/simd_targets.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/attention/forward.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep

#include "cairn/backend/cpu/attention/panel-inl.h"
#include "cairn/backend/cpu/attention/tile-inl.h"
#include "cairn/backend/cpu/attention/tile_amx-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::attention::HWY_NAMESPACE {
namespace {

struct ForwardCall {
  const AttentionPlan& plan;
  const AttentionInputs& in;
  float* out;
  TokenStrides out_strides;
  float* lse;
};

// Online softmax of one panel: scores become exp2(score - maximum); what was summed before is
// rescaled.
HWY_NOINLINE void softmax_panel(int64_t keys, float* scores, float* row_max, float* row_sum,
                                float* outputs, int64_t dim) {
  const F32 d;
  for (int64_t v = 0; v < kPanel; v += kLanes) {
    const VF old = hn::LoadU(d, row_max + v);
    VF top = old;
    for (int64_t j = 0; j < keys; ++j) top = hn::Max(hn::LoadU(d, scores + j * kPanel + v), top);
    hn::StoreU(top, d, row_max + v);
    // A query that has seen nothing yet has maximum -infinity; 0 then keeps the differences
    // defined.
    const VF base = hn::IfThenZeroElse(hn::Eq(top, hn::Set(d, kMinusInfinity)), top);
    const VF rescale = exp2_vec(hn::Sub(old, base));
    VF sum = hn::Mul(hn::LoadU(d, row_sum + v), rescale);
    for (int64_t j = 0; j < keys; ++j) {
      const VF p = exp2_vec(hn::Sub(hn::LoadU(d, scores + j * kPanel + v), base));
      hn::StoreU(p, d, scores + j * kPanel + v);
      sum = hn::Add(sum, p);
    }
    hn::StoreU(sum, d, row_sum + v);
    if (hn::AllTrue(d, hn::Eq(rescale, hn::Set(d, 1.0f)))) continue;
    for (int64_t i = 0; i < dim; ++i)
      hn::StoreU(hn::Mul(hn::LoadU(d, outputs + i * kPanel + v), rescale), d,
                 outputs + i * kPanel + v);
  }
}

// S' of one panel of queries.
HWY_INLINE void multiply_keys(const AttentionPlan& plan, const ForwardScratch& work, int64_t count,
                              int64_t panel, Rows keys, float* scores) {
  const int64_t dim = plan.shape.dim, steps = steps_of(dim);
  if (plan.options.bf16)
    return multiply_narrow(
        count, kPanel, steps,
        {work.narrow.keys, steps, work.narrow.queries + panel * panel_elements(steps), steps,
         scores, kPanel},
        false);
  multiply<Order::rows>(
      count, kPanel, dim,
      {keys.data, keys.stride, work.queries + panel * dim * kPanel, kPanel, scores, kPanel}, false);
}

// O' of one panel of queries grows by what `seen` of `count` keys give.
HWY_INLINE void add_values(const AttentionPlan& plan, const ForwardScratch& work, int64_t seen,
                           int64_t count, int64_t panel, Rows values) {
  const int64_t dim = plan.shape.dim;
  const float* weights = work.scores + panel * kForwardKeys * kPanel;
  float* outputs = work.outputs + panel * dim * kPanel;
  if (plan.options.bf16) {
    const int64_t steps = steps_of(seen);
    narrow_pairs(weights, kPanel, seen, kPanel, work.narrow.weights);
    return multiply_narrow(
        dim, kPanel, steps,
        {work.narrow.values, steps_of(count), work.narrow.weights, steps, outputs, kPanel}, true);
  }
  multiply<Order::columns>(dim, kPanel, seen,
                           {values.data, values.stride, weights, kPanel, outputs, kPanel}, true);
}

// Weights of one panel of queries for one block of keys, left in `scores`.
HWY_INLINE void score_panel(const ForwardCall& call, const ForwardScratch& work,
                            const PanelPlace& at, int64_t panel, Rows keys) {
  const int64_t dim = call.plan.shape.dim;
  const int32_t* last = work.last + panel * kPanel;
  float *scores = work.scores + panel * kForwardKeys * kPanel,
        *outputs = work.outputs + panel * dim * kPanel;
  multiply_keys(call.plan, work, at.keys, panel, keys, scores);
  if (call.in.mask) add_mask(call.in, at, work.mask, scores, kPanel);
  if (at.key + at.keys - 1 > last[0]) hide_keys(last, at.key, at.keys, scores, kPanel);
  softmax_panel(at.keys, scores, work.row_max + panel * kPanel, work.row_sum + panel * kPanel,
                outputs, dim);
  if (call.plan.options.dropout == 0) return;
  const F32 d;
  dropout_factors(call.plan, call.in, at, work.mask);
  for (int64_t i = 0; i < at.keys * kPanel; i += kLanes)
    hn::StoreU(hn::Mul(hn::LoadU(d, scores + i), hn::LoadU(d, work.mask + i)), d, scores + i);
}

// One block of keys for all panels: first the weights of every panel, then the sums of values, so
// that keys and values are each read through the L1 cache once a panel without pushing each other
// out.
HWY_INLINE void attend(const ForwardCall& call, const ForwardScratch& work, const PanelPlace& at) {
  const int64_t dim = call.plan.shape.dim,
                kv_head = at.head / (call.plan.shape.heads / call.plan.shape.kv_heads);
  const AttentionInputs& in = call.in;
  const auto rows = [&](int64_t i) { return std::min<int64_t>(kPanel, at.queries - i); };
  const auto visible = [&](int64_t i) {
    return std::min<int64_t>(at.keys, work.last[i + rows(i) - 1] + 1 - at.key);
  };
  const float* k = in.k + at.batch * in.k_strides.batch + kv_head * in.k_strides.head +
                   at.key * in.k_strides.token;
  const float* v = in.v + at.batch * in.v_strides.batch + kv_head * in.v_strides.head +
                   at.key * in.v_strides.token;
  const bool bf16 = call.plan.options.bf16;
  Rows keys{}, values{};
  if (bf16) narrow_lines(k, in.k_strides.token, at.keys, dim, work.narrow.keys);
  else keys = contiguous_rows(k, in.k_strides.token, at.keys, dim, work.keys);
  for (int64_t i = 0; i < at.queries; i += kPanel)
    if (visible(i) > 0)
      score_panel(call, work, {at.batch, at.head, at.query + i, at.key, rows(i), visible(i)},
                  i / kPanel, keys);
  if (bf16) narrow_columns(v, in.v_strides.token, dim, at.keys, work.narrow.values);
  else values = contiguous_rows(v, in.v_strides.token, at.keys, dim, work.values);
  for (int64_t i = 0; i < at.queries; i += kPanel)
    if (visible(i) > 0) add_values(call.plan, work, visible(i), at.keys, i / kPanel, values);
}

// Divides by the sums, writes rows of the output and their logsumexp.
HWY_INLINE void finish_panel(const ForwardCall& call, const PanelPlace& at, const float* row_max,
                             const float* row_sum, float* outputs) {
  const F32 d;
  const AttentionShape& s = call.plan.shape;
  const TokenStrides& o = call.out_strides;
  float* out = call.out + at.batch * o.batch + at.head * o.head + at.query * o.token;
  prefetch_rows(out, o.token, at.queries, s.dim);
  for (int64_t v = 0; v < kPanel; v += kLanes) {
    const VF sum = hn::LoadU(d, row_sum + v);
    const VF inverse = hn::IfThenZeroElse(hn::Eq(sum, hn::Zero(d)), hn::Div(hn::Set(d, 1.0f), sum));
    for (int64_t i = 0; i < s.dim; ++i)
      hn::StoreU(hn::Mul(hn::LoadU(d, outputs + i * kPanel + v), inverse), d,
                 outputs + i * kPanel + v);
  }
  transpose(outputs, kPanel, s.dim, at.queries, 1, out, o.token);
  if (!call.lse) return;
  float* lse = call.lse + (at.batch * s.heads + at.head) * s.queries + at.query;
  for (int64_t i = 0; i < at.queries; ++i) lse[i] = row_max[i] * kLn2 + std::log(row_sum[i]);
}

// All keys for one block of queries of one head.
void forward_block(const ForwardCall& call, const ForwardScratch& work, int64_t b, int64_t h,
                   int64_t query) {
  const AttentionPlan& plan = call.plan;
  const AttentionInputs& in = call.in;
  const int64_t dim = plan.shape.dim,
                queries = std::min(plan.query_block, plan.shape.queries - query);
  const int64_t padded = round_up(queries, kPanel);
  const TokenStrides& qs = in.q_strides;
  const float* q = in.q + b * qs.batch + h * qs.head + query * qs.token;
  const float scale = plan.options.scale * kLog2E;
  if (plan.options.bf16) narrow_transposed(q, qs.token, queries, dim, scale, work.narrow.queries);
  else pack_panels(q, qs.token, queries, dim, scale, work.queries);
  std::fill_n(work.outputs, padded * dim, 0.0f);
  std::fill_n(work.row_max, padded, kMinusInfinity);
  std::fill_n(work.row_sum, padded, 0.0f);
  const int64_t count = key_count(plan, in, b);
  for (int64_t i = 0; i < padded; ++i)
    work.last[i] = i < queries ? static_cast<int32_t>(last_key(plan, count, query + i)) : -1;

  const int64_t end = work.last[queries - 1] + 1;
  for (int64_t key = 0; key < end; key += kForwardKeys)
    attend(call, work, {b, h, query, key, queries, std::min(kForwardKeys, end - key)});
  for (int64_t i = 0; i < queries; i += kPanel)
    finish_panel(call, {b, h, query + i, 0, std::min<int64_t>(kPanel, queries - i), 0},
                 work.row_max + i, work.row_sum + i, work.outputs + i * dim);
}

// One thread: takes blocks of queries until none is left. Late blocks first: under a causal mask
// they are long.
void forward_worker(const ForwardCall& call, const ForwardScratch& work,
                    std::atomic<int64_t>& next) {
  const AttentionShape& s = call.plan.shape;
  const TilesOfPass tiles(call.plan.options.bf16);
  const int64_t heads = s.batch * s.heads, blocks = ceil_div(s.queries, call.plan.query_block);
  for (int64_t item; (item = next.fetch_add(1, std::memory_order_relaxed)) < heads * blocks;) {
    const int64_t block = blocks - 1 - item / heads, head = item % heads;
    forward_block(call, work, head / s.heads, head % s.heads, block * call.plan.query_block);
  }
}

void forward_entry(const AttentionPlan& plan, const AttentionInputs& in, float* out,
                   const TokenStrides& out_strides, float* lse, const ForwardScratch& work,
                   std::atomic<int64_t>& next) {
  forward_worker({plan, in, out, out_strides, lse}, work, next);
}

}  // namespace
}  // namespace cairn::cpu::attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {
namespace attention {
HWY_EXPORT(forward_entry);
// A build for one target (Arm, -march=native) names its namespace, of which there are two further
// out.
auto forward_kernel() { return HWY_DYNAMIC_DISPATCH(forward_entry); }
}  // namespace attention

void attention_forward(const AttentionPlan& plan, const AttentionInputs& in, float* out,
                       const TokenStrides& out_strides, float* lse, void* workspace) {
  if (plan.decode) return attention::decode_forward(plan, in, out, out_strides, lse, workspace);
  using namespace attention;
  const auto entry = forward_kernel();
  std::atomic<int64_t> next{0};
  parallel_region(
      [&](int thread, int) {
        Carver carver(workspace);
        for (int t = 0; t < thread; ++t) ForwardScratch(carver, plan);
        entry(plan, in, out, out_strides, lse, ForwardScratch(carver, plan), next);
      },
      plan.threads);
}

}  // namespace cairn::cpu
#endif
