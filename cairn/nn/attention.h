// Attention (Vaswani et al. 2017), multi-head attention and transformer layers with PyTorch's
// names.
#pragma once
#include <optional>

#include "cairn/nn/containers.h"
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
  int64_t kdim = 0, vdim = 0;  // widths of key and value; 0: dim
  bool add_bias_kv = false;    // one more key and value, learned
  bool add_zero_attn = false;  // one more key and value, zero
};
struct AttentionResult {
  Tensor output, weights;
};
// in_proj_weight [3 * dim, dim] in the order q, k, v (with widths of their own: q_proj_weight,
// k_proj_weight [dim, kdim], v_proj_weight [dim, vdim]); out_proj a Linear.
class MultiheadAttention : public Module {
 public:
  MultiheadAttention(int64_t dim, int64_t heads, const MultiheadAttentionOptions& options = {});
  using Module::operator();
  // query [T, N, dim], key and value [S, N, dim] ([N, T, dim] with batch_first).
  Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                    const AttentionOptions& options, Loc loc = Loc::current()) const;
  // And the weights of the heads' mean [N, T, S], or of each head [N, heads, T, S] (PyTorch's
  // need_weights). Keeps the whole matrix.
  AttentionResult with_weights(const Tensor& query, const Tensor& key, const Tensor& value,
                               const AttentionOptions& options = {}, bool average = true,
                               Loc loc = Loc::current()) const;
  Tensor forward(Tensor query, Tensor key, Tensor value) override {
    return attend(query, key, value, {});
  }

  Param in_proj_weight, in_proj_bias, q_proj_weight, k_proj_weight, v_proj_weight, bias_k, bias_v;
  Linear out_proj;

 private:
  struct Heads {
    Tensor q, k, v;  // [N, heads, tokens, dim / heads]
    AttentionOptions options;
  };
  Heads heads(const Tensor& query, const Tensor& key, const Tensor& value,
              const AttentionOptions& options) const;
  void add_keys(Heads& h) const;
  Tensor joined(const Tensor& mixed) const;
  Tensor attend(Tensor query, Tensor key, Tensor value, const AttentionOptions& options) const;

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
  bool bias = true;
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

// `layers` encoder layers in a row, and a normalisation behind them where `norm` says so.
class TransformerEncoder : public Module {
 public:
  TransformerEncoder(int64_t dim, int64_t heads, int64_t layers,
                     const TransformerOptions& options = {}, bool norm = false);
  using Module::operator();
  Tensor operator()(const Tensor& x, const AttentionOptions& attention,
                    Loc loc = Loc::current()) const;
  Tensor forward(Tensor x) override { return encode(x, {}); }

 private:
  Tensor encode(Tensor x, const AttentionOptions& attention) const;

  ModuleList<TransformerEncoderLayer> layers_;
  std::optional<LayerNorm> norm_;
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

class TransformerDecoder : public Module {
 public:
  TransformerDecoder(int64_t dim, int64_t heads, int64_t layers,
                     const TransformerOptions& options = {}, bool norm = false);
  using Module::operator();
  Tensor operator()(const Tensor& x, const Tensor& memory, const AttentionOptions& self,
                    const AttentionOptions& cross = {}, Loc loc = Loc::current()) const;
  Tensor forward(Tensor x, Tensor memory) override { return decode(x, memory, {}, {}); }

 private:
  Tensor decode(Tensor x, const Tensor& memory, const AttentionOptions& self,
                const AttentionOptions& cross) const;

  ModuleList<TransformerDecoderLayer> layers_;
  std::optional<LayerNorm> norm_;
};

}  // namespace cairn::nn
