// Where a token stands: positions for attention, which by itself does not see any order.
#pragma once
#include "cairn/nn/module.h"

namespace cairn::nn {

// Rotary positions (Su et al. 2021): turns feature pairs (i, i + d / 2) of x [..., T, d] by
// (start + position) * base^(-2 i / d), so that products of queries and keys depend on distances
// only. d even; `start` [] integer, undefined: 0.
class RotaryEmbedding : public Module {
 public:
  explicit RotaryEmbedding(int64_t dim, double base = 10000);
  Tensor operator()(const Tensor& x, const Tensor& start = {}, Loc loc = Loc::current()) const;

 private:
  int64_t dim_;
  double base_;
};

// Sinusoidal positions (Vaswani et al. 2017) [count, dim], to be added to embeddings: row p holds
// sin(p / 10000^(2 i / dim)) at 2 i and the cosine at 2 i + 1. dim even.
Tensor sinusoidal_positions(int64_t count, int64_t dim);

}  // namespace cairn::nn
