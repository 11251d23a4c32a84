// Scaled dot-product attention on the CPU, f32: softmax(scale * q k' + mask) v without ever keeping
// the matrix of scores. Blockwise with online softmax (Dao, "FlashAttention-2", 2023): memory
// O(tokens).
//
// Tensors are raw pointers with strides: q, out [B, Hq, Tq, D]; k, v [B, Hkv, Tk, D]; D contiguous.
// So views of a fused projection [B, T, 3, H, D] or of a cache of larger capacity need no copy.
// Query head h reads key head h / (Hq / Hkv) (grouped and multi-query attention).
//
// A plan is made once per shape; running one never allocates. Results do not depend on the number
// of threads, except that the backward pass may choose another order of work
// (AttentionPlan::split_backward).
#pragma once
#include <cstddef>
#include <cstdint>

namespace cairn::cpu {

// Distances in elements between neighbours in batch, head and token; the last axis has distance 1.
struct TokenStrides {
  int64_t batch = 0, head = 0, token = 0;
};

struct AttentionShape {
  int64_t batch = 1;
  int64_t heads = 1;     // Hq
  int64_t kv_heads = 1;  // Hkv, divides heads
  int64_t queries = 0;   // Tq
  int64_t keys = 0;      // Tk; of a cache: its capacity
  int64_t dim = 0;       // D
};

struct AttentionOptions {
  float scale = 0;      // 0: 1 / sqrt(D)
  bool causal = false;  // query i sees keys j <= i + keys - queries
  // The causal diagonal ends at the sequence's own length instead of at `keys`: the queries are the
  // last ones of `lengths[b]` keys. For a cache that is longer than what it holds.
  bool causal_from_length = false;
  float dropout =
      0;  // probability that a weight is dropped, in [0, 1); kept ones are divided by 1 - p
  bool bf16 = false;  // products in bf16 with sums in f32, where attention_multiplies_bf16()
};

struct AttentionPlan {
  AttentionShape shape;
  AttentionOptions options;
  int threads = 1;
  int64_t query_block = 0;  // queries that share one pass over the keys
  bool decode = false;      // few queries: a memory-bound pass over the cache
  int64_t key_splits = 1;   // decode: parts of the keys that are read in parallel
  bool split_backward =
      false;  // few heads: dk, dv and dq in separate parallel passes (7 products, not 5)
  size_t forward_workspace = 0, backward_workspace = 0;  // bytes
};

// The processor has AMX. Few queries (AttentionPlan::decode) are multiplied in f32 all the same.
bool attention_multiplies_bf16();

// Throws Error for shapes that make no sense. threads 0: num_threads().
AttentionPlan plan_attention(const AttentionShape& shape, const AttentionOptions& options,
                             int threads = 0);

struct AttentionInputs {
  const float *q = nullptr, *k = nullptr, *v = nullptr;
  TokenStrides q_strides, k_strides, v_strides;
  const int32_t* lengths =
      nullptr;  // [B] visible keys of each sequence, clamped to [0, Tk]; null: all
  const float* mask =
      nullptr;  // added to the scores, [B, Hq, Tq, Tk] by strides (0 broadcasts); null: none
  TokenStrides mask_strides;  // keys contiguous
  // Dropout: element i of [B, Hq, Tq, Tk] is kept when word i % 4 of philox(seed, offset, i / 4) is
  // a uniform number >= p.
  uint64_t seed = 0, offset = 0;
};

// out [B, Hq, Tq, D]; lse [B, Hq, Tq] contiguous: log of the sum of exp(score) (nullable: not
// wanted). A query that sees no key gives zeros and lse = -infinity. Keys beyond a length are never
// read.
void attention_forward(const AttentionPlan& plan, const AttentionInputs& in, float* out,
                       const TokenStrides& out_strides, float* lse, void* workspace);

struct AttentionGradients {
  const float *out = nullptr, *lse = nullptr,
              *dout = nullptr;  // from the forward pass; upstream gradient
  TokenStrides out_strides, dout_strides;
  float *dq = nullptr, *dk = nullptr, *dv = nullptr;  // written, not accumulated
  TokenStrides dq_strides, dk_strides, dv_strides;
};

// Recomputes the probabilities from lse block by block. Same inputs, seed and offset as forward.
void attention_backward(const AttentionPlan& plan, const AttentionInputs& in,
                        const AttentionGradients& grad, void* workspace);

}  // namespace cairn::cpu
