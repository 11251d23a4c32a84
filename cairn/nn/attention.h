// Attention (Vaswani et al. 2017), multi-head attention and transformer layers with PyTorch's
// names.
#pragma once
#include <optional>

#include "cairn/nn/linear.h"
#include "cairn/nn/norm.h"
#include "cairn/nn/swiglu.h"
#include "cairn/ops/attention.h"

namespace cairn::nn {

// [N, T, heads * d] -> [N, heads, T, d] and back.
Tensor split_heads(const Tensor& x, int64_t heads);
Tensor join_heads(const Tensor& x);

struct MultiheadAttentionOptions {
  double dropout = 0;
  bool bias = true, batch_first = false;
};
// in_proj_weight [3 * dim, dim] in the order q, k, v; out_proj a Linear.
class MultiheadAttention : public Module {
 public:
  MultiheadAttention(int64_t dim, int64_t heads, const MultiheadAttentionOptions& options = {});
  using Module::operator();
  // query [T, N, dim], key and value [S, N, dim] ([N, T, dim] with batch_first).
  Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                    const AttentionOptions& options, Loc loc = Loc::current()) const;
  Tensor forward(Tensor query, Tensor key, Tensor value) override {
    return attend(query, key, value, {});
  }

  Param in_proj_weight, in_proj_bias;
  Linear out_proj;

 private:
  Tensor attend(Tensor query, Tensor key, Tensor value, AttentionOptions options) const;

  int64_t dim_, heads_;
  MultiheadAttentionOptions options_;
};

// swiglu: the feed-forward part is a SwiGLU, as child "swiglu" in place of linear1 and linear2.
enum class Activation { relu, gelu, swiglu };
struct TransformerOptions {
  int64_t dim_feedforward = 2048;
  double dropout = 0.1;
  Activation activation = Activation::relu;
  bool norm_first = false, batch_first = false;
  double layer_norm_eps = 1e-5;
};

// What encoder and decoder layers have in common.
class TransformerLayer : public Module {
 protected:
  struct FeedForward {
    std::optional<Linear> linear1, linear2;
    std::optional<SwiGLU> swiglu;
  };
  explicit TransformerLayer(const TransformerOptions& options) : options_(options) {}
  MultiheadAttention add_attention(const std::string& name, int64_t dim, int64_t heads);
  FeedForward add_feed_forward(int64_t dim);
  LayerNorm add_norm(const std::string& name, int64_t dim);
  Tensor run(const FeedForward& layers, const Tensor& x) const;
  Tensor dropped(const Tensor& x) const {
    return dropout(x, options_.dropout, options_.dropout > 0 && training());
  }
  bool norm_first() const { return options_.norm_first; }

 private:
  TransformerOptions options_;
};

class TransformerEncoderLayer : public TransformerLayer {
 public:
  TransformerEncoderLayer(int64_t dim, int64_t heads, const TransformerOptions& options = {});
  using Module::operator();
  Tensor operator()(const Tensor& x, const AttentionOptions& attention,
                    Loc loc = Loc::current()) const;
  Tensor forward(Tensor x) override { return encode(x, {}); }

 private:
  Tensor encode(Tensor x, const AttentionOptions& attention) const;

  MultiheadAttention self_attn_;
  FeedForward feed_forward_;
  LayerNorm norm1_, norm2_;
};

class TransformerDecoderLayer : public TransformerLayer {
 public:
  TransformerDecoderLayer(int64_t dim, int64_t heads, const TransformerOptions& options = {});
  using Module::operator();
  // x [T, N, dim] attends to itself with `self`, to memory [S, N, dim] with `cross`.
  Tensor operator()(const Tensor& x, const Tensor& memory, const AttentionOptions& self,
                    const AttentionOptions& cross = {}, Loc loc = Loc::current()) const;
  Tensor forward(Tensor x, Tensor memory) override { return decode(x, memory, {}, {}); }

 private:
  Tensor decode(Tensor x, const Tensor& memory, const AttentionOptions& self,
                const AttentionOptions& cross) const;

  MultiheadAttention self_attn_, multihead_attn_;
  FeedForward feed_forward_;
  LayerNorm norm1_, norm2_, norm3_;
};

}  // namespace cairn::nn
