// Scaled dot-product attention: softmax(scale * q k^T + mask) v (Vaswani et al. 2017), as one op
// that never keeps the matrix of scores (where the back end has such a kernel).
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

struct AttentionOptions {
  // Broadcast to [B, Hq, Tq, Tk]. bool: true where a query may look; floats: added to the scores.
  Tensor mask = {};
  Tensor lengths = {};  // i32 or i64 [B]: only the first lengths[b] keys of sequence b are visible
  bool causal = false;  // query i sees keys j <= i + Tk - Tq
  // The causal diagonal ends at the sequence's length instead of at Tk: the queries are the last
  // ones of lengths[b] keys (a cache that is longer than what it holds).
  bool causal_from_length = false;
  double dropout =
      0;  // probability that a weight is dropped, in [0, 1); kept ones grow by 1 / (1 - p)
  double scale = 0;  // 0: 1 / sqrt(D)
};
// q [B, Hq, Tq, D]; k, v [B, Hkv, Tk, D], Hkv a divisor of Hq (grouped and multi-query attention).
// Returns [B, Hq, Tq, D] as a view of [B, Tq, Hq, D], so that joining the heads copies nothing. A
// query that sees no key gives zeros.
Tensor attention(In q, const Tensor& k, const Tensor& v, const AttentionOptions& options = {});
// The same of one query a text, q [B, H, 1, D], to the steps of texts that branch: keys[j] and
// values[j] [R_j, H, 1, D] are those of step j, rows i64 [B, steps] which of its rows text b goes
// on from. What beams share is stored once and never moved.
Tensor attention_to_steps(In q, const Tensors& keys, const Tensors& values, const Tensor& rows);
// What attention() mixes the values with: [B, Hq, Tq, Tk], rows that sum to 1, or zeros where a
// query sees no key. Without dropout. Keeps the whole matrix.
Tensor attention_weights(In q, const Tensor& k, const AttentionOptions& options = {});

}  // namespace cairn
