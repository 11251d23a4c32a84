#include <cmath>

#include "cairn/backend/cpu/attention/attention.h"
#include "cairn/backend/cpu/attention/layout.h"
#include "cairn/backend/cpu/gemm/gemm_bf16.h"
#include "cairn/backend/cpu/x86_extensions.h"
#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

using namespace attention;

void check_shape(const AttentionShape& s, const AttentionOptions& o) {
  check(s.batch >= 0 && s.heads >= 0 && s.queries >= 0 && s.keys >= 0 && s.dim > 0,
        "attention: sizes must not be negative and the head width not 0 (batch {}, heads {}, "
        "queries {}, keys {}, "
        "width {})",
        s.batch, s.heads, s.queries, s.keys, s.dim);
  check(s.kv_heads > 0 && s.heads % s.kv_heads == 0,
        "attention: {} query heads cannot share {} key heads evenly; "
        "make the first a multiple of the second",
        s.heads, s.kv_heads);
  check(o.dropout >= 0 && o.dropout < 1, "attention: dropout {} is not in [0, 1)", o.dropout);
}

// Large blocks read keys and values less often; smaller ones feed more threads.
int64_t choose_query_block(const AttentionShape& s, int threads) {
  int64_t block = 256;
  const auto items = [&] { return s.batch * s.heads * ceil_div(s.queries, block); };
  while (block > kMaxPanel && (block >= 2 * s.queries || items() < 4 * threads)) block /= 2;
  return block;
}

// How much of the threads' time `items` equal pieces of work use.
double balance(int64_t items, int threads) {
  const int64_t rounds = ceil_div(items, threads);
  return static_cast<double>(items) / static_cast<double>(std::max<int64_t>(1, rounds * threads));
}

template <class Scratch>
size_t workspace_of(const AttentionPlan& plan, int copies) {
  Carver carver(nullptr);
  for (int i = 0; i < copies; ++i) Scratch(carver, plan);
  return carver.bytes() + 64;  // the base may be unaligned
}

}  // namespace

bool attention_multiplies_bf16() { return x86_extensions().amx && has_gemm_bf16(); }

AttentionPlan plan_attention(const AttentionShape& shape, const AttentionOptions& options,
                             int threads) {
  check_shape(shape, options);
  AttentionPlan plan{.shape = shape, .options = options};
  plan.threads = threads > 0 ? threads : num_threads();
  plan.options.bf16 &= attention_multiplies_bf16();
  if (plan.options.scale == 0) plan.options.scale = 1 / std::sqrt(static_cast<float>(shape.dim));
  plan.query_block = choose_query_block(shape, plan.threads);

  const int64_t kv_items = shape.batch * shape.kv_heads,
                rows = shape.heads / shape.kv_heads * shape.queries;
  plan.decode = rows <= kDecodeRows && options.dropout == 0;
  if (plan.decode && kv_items > 0 && balance(kv_items, plan.threads) < 0.9) {
    const int64_t wanted = ceil_div(4 * plan.threads, kv_items);
    plan.key_splits = std::clamp<int64_t>(shape.keys / kKeyBlock, 1, wanted);
  }
  plan.forward_workspace = plan.decode ? workspace_of<DecodeScratch>(plan, 1)
                                       : workspace_of<ForwardScratch>(plan, plan.threads);
  // One pass takes 5 products but only as many threads as there are key heads; two passes take 7.
  plan.split_backward = balance(kv_items, plan.threads) < 5.0 / 7;
  plan.backward_workspace = workspace_of<BackwardScratch>(plan, plan.threads);
  return plan;
}

}  // namespace cairn::cpu
