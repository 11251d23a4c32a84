#include "cairn/nn/attention.h"

#include <cmath>

#include "cairn/nn/init.h"
#include "cairn/ops/context.h"

namespace cairn::nn {

Tensor split_heads(const Tensor& x, int64_t heads) {
  check(heads > 0 && x.size(-1) % heads == 0, "attention: width {} does not divide into {} heads{}",
        x.size(-1), heads, where(context().loc));
  return transpose(reshape(x, {x.shape()[0], x.shape()[1], heads, x.size(-1) / heads}), 1, 2);
}
Tensor join_heads(const Tensor& x) {
  return reshape(transpose(x, 1, 2), {x.shape()[0], x.shape()[2], x.shape()[1] * x.shape()[3]});
}

MultiheadAttention::MultiheadAttention(int64_t dim, int64_t heads,
                                       const MultiheadAttentionOptions& options)
    : out_proj(child("out_proj", Linear(dim, dim, {.bias = options.bias}))),
      dim_(dim),
      heads_(heads),
      options_(options) {
  check(heads > 0 && dim % heads == 0, "MultiheadAttention: width {} does not divide into {} heads",
        dim, heads);
  check(options.kdim >= 0 && options.vdim >= 0, "MultiheadAttention: widths {} and {}",
        options.kdim, options.vdim);
  const int64_t kdim = options.kdim ? options.kdim : dim, vdim = options.vdim ? options.vdim : dim;
  if (kdim == dim && vdim == dim) {
    in_proj_weight = param("in_proj_weight", init::xavier_uniform({3 * dim, dim}));
  } else {
    q_proj_weight = param("q_proj_weight", init::xavier_uniform({dim, dim}));
    k_proj_weight = param("k_proj_weight", init::xavier_uniform({dim, kdim}));
    v_proj_weight = param("v_proj_weight", init::xavier_uniform({dim, vdim}));
  }
  if (options.bias) {
    in_proj_bias = param("in_proj_bias", zeros({3 * dim}));
    assign(out_proj.bias, zeros({dim}));
  }
  if (!options.add_bias_kv) return;
  const double spread = std::sqrt(2 / (1 + static_cast<double>(dim)));  // Xavier's, as in PyTorch
  bias_k = param("bias_k", randn({1, 1, dim}) * spread);
  bias_v = param("bias_v", randn({1, 1, dim}) * spread);
}

Tensor MultiheadAttention::operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                                      const AttentionOptions& options, Loc loc) const {
  return called({query, key, value}, loc, [&] { return attend(query, key, value, options); });
}

// The added keys come first: lengths and the causal diagonal move by one, which both see.
void MultiheadAttention::add_keys(Heads& h) const {
  const auto put_first = [&](const Tensor& k, const Tensor& v) {
    const Shape& s = h.k.shape();
    const Shape one = {s[0], s[1], 1, s[3]};
    h.k = cat({expand(k, one), h.k}, 2), h.v = cat({expand(v, one), h.v}, 2);
    if (h.options.lengths.defined()) h.options.lengths = h.options.lengths + 1.0;
    if (Tensor& mask = h.options.mask; mask.defined()) {
      Shape whole = mask.shape(), column = mask.shape();
      whole.back() = s[2], column.back() = 1;
      const bool truth = mask.dtype() == DType::boolean;
      mask = cat({full(column, truth ? 1 : 0, mask.dtype()), expand(mask, whole)}, -1);
    }
  };
  if (bias_k.defined()) put_first(split_heads(bias_k, heads_), split_heads(bias_v, heads_));
  const Tensor zero = full({1, 1, 1, 1}, 0, h.k.dtype());
  if (options_.add_zero_attn) put_first(zero, zero);
}

MultiheadAttention::Heads MultiheadAttention::heads(const Tensor& query, const Tensor& key,
                                                    const Tensor& value,
                                                    const AttentionOptions& options) const {
  check(query.rank() == 3 && query.size(-1) == dim_,
        "MultiheadAttention: wants a query of 3 dimensions, {} wide, not {}{}", dim_,
        to_string(query.shape()), where(context().loc));
  const auto time_second = [&](const Tensor& x) {
    return options_.batch_first ? x : transpose(x, 0, 1);
  };
  const auto rows = [&](const Tensor& all, int64_t i) {
    return all.defined() ? slice(all, 0, i * dim_, dim_) : Tensor();
  };
  const auto project = [&](const Tensor& x, int64_t i, const Param& own) {
    const Tensor weight = own.defined() ? Tensor(own) : rows(in_proj_weight, i);
    return split_heads(linear(time_second(x), weight, rows(in_proj_bias, i)), heads_);
  };
  Heads h;
  h.options = options;
  if (in_proj_weight.defined() && query.impl() == key.impl() && key.impl() == value.impl()) {
    const Tensors all = chunk(linear(time_second(query), in_proj_weight, in_proj_bias), 3, -1);
    h.q = split_heads(all[0], heads_), h.k = split_heads(all[1], heads_),
    h.v = split_heads(all[2], heads_);
  } else {
    h.q = project(query, 0, q_proj_weight), h.k = project(key, 1, k_proj_weight),
    h.v = project(value, 2, v_proj_weight);
  }
  add_keys(h);
  if (options_.dropout > 0 && training()) h.options.dropout = options_.dropout;
  return h;
}

Tensor MultiheadAttention::joined(const Tensor& mixed) const {
  const Tensor y = out_proj(join_heads(mixed));
  return options_.batch_first ? y : transpose(y, 0, 1);
}

Tensor MultiheadAttention::attend(Tensor query, Tensor key, Tensor value,
                                  const AttentionOptions& options) const {
  const Heads h = heads(query, key, value, options);
  return joined(attention(h.q, h.k, h.v, h.options));
}

AttentionResult MultiheadAttention::with_weights(const Tensor& query, const Tensor& key,
                                                 const Tensor& value,
                                                 const AttentionOptions& options, bool average,
                                                 Loc loc) const {
  return called({query, key, value}, loc, [&] {
    const Heads h = heads(query, key, value, options);
    const Tensor weights =
        dropout(attention_weights(h.q, h.k, h.options), h.options.dropout, h.options.dropout > 0);
    AttentionResult r{joined(matmul(weights, h.v)), weights};
    const int64_t added = int64_t{bias_k.defined()} + int64_t{options_.add_zero_attn};
    if (added > 0)  // PyTorch has them last, the learned one before the zero
      r.weights = cat({slice(weights, -1, added, weights.size(-1) - added),
                       flip(slice(weights, -1, 0, added), {-1})},
                      -1);
    if (average) r.weights = mean(r.weights, {1});
    return r;
  });
}

// ---- transformer layers

MultiheadAttention TransformerLayer::add_attention(const std::string& name, int64_t dim,
                                                   int64_t heads) {
  return child(name, MultiheadAttention(dim, heads,
                                        {.dropout = options_.dropout,
                                         .bias = options_.bias,
                                         .batch_first = options_.batch_first}));
}

TransformerLayer::FeedForward TransformerLayer::add_feed_forward(int64_t dim) {
  FeedForward f;
  const int64_t hidden = options_.dim_feedforward;
  if (options_.activation == Activation::swiglu) {
    f.swiglu.emplace(child("swiglu", SwiGLU(dim, hidden)));
  } else {
    f.linear1.emplace(child("linear1", Linear(dim, hidden, {.bias = options_.bias})));
    f.linear2.emplace(child("linear2", Linear(hidden, dim, {.bias = options_.bias})));
  }
  return f;
}

LayerNorm TransformerLayer::add_norm(const std::string& name, int64_t dim) {
  return child(name, LayerNorm(dim, {.eps = options_.layer_norm_eps, .bias = options_.bias}));
}

Tensor TransformerLayer::run(const FeedForward& f, const Tensor& x) const {
  if (f.swiglu) return dropped((*f.swiglu)(x));
  const Tensor h = (*f.linear1)(x);
  return dropped(
      (*f.linear2)(dropped(options_.activation == Activation::relu ? relu(h) : gelu(h))));
}

TransformerEncoderLayer::TransformerEncoderLayer(int64_t dim, int64_t heads,
                                                 const TransformerOptions& options)
    : TransformerLayer(options),
      self_attn_(add_attention("self_attn", dim, heads)),
      feed_forward_(add_feed_forward(dim)),
      norm1_(add_norm("norm1", dim)),
      norm2_(add_norm("norm2", dim)) {}

Tensor TransformerEncoderLayer::operator()(const Tensor& x, const AttentionOptions& attention,
                                           Loc loc) const {
  return called({x}, loc, [&] { return encode(x, attention); });
}

Tensor TransformerEncoderLayer::encode(Tensor x, const AttentionOptions& attention) const {
  const auto attend = [&](const Tensor& y) { return dropped(self_attn_(y, y, y, attention)); };
  if (norm_first()) {
    x = x + attend(norm1_(x));
    return x + run(feed_forward_, norm2_(x));
  }
  x = norm1_(x + attend(x));
  return norm2_(x + run(feed_forward_, x));
}

TransformerEncoder::TransformerEncoder(int64_t dim, int64_t heads, int64_t layers,
                                       const TransformerOptions& options, bool norm) {
  check(layers > 0, "TransformerEncoder: {} layers", layers);
  for (int64_t i = 0; i < layers; ++i)
    layers_.push_back(TransformerEncoderLayer(dim, heads, options));
  adopt("layers", layers_);
  if (norm)
    norm_.emplace(
        child("norm", LayerNorm(dim, {.eps = options.layer_norm_eps, .bias = options.bias})));
}
Tensor TransformerEncoder::operator()(const Tensor& x, const AttentionOptions& attention,
                                      Loc loc) const {
  return called({x}, loc, [&] { return encode(x, attention); });
}
Tensor TransformerEncoder::encode(Tensor x, const AttentionOptions& attention) const {
  for (size_t i = 0; i < layers_.size(); ++i) x = layers_[i](x, attention);
  return norm_ ? (*norm_)(x) : x;
}

TransformerDecoderLayer::TransformerDecoderLayer(int64_t dim, int64_t heads,
                                                 const TransformerOptions& options)
    : TransformerLayer(options),
      self_attn_(add_attention("self_attn", dim, heads)),
      multihead_attn_(add_attention("multihead_attn", dim, heads)),
      feed_forward_(add_feed_forward(dim)),
      norm1_(add_norm("norm1", dim)),
      norm2_(add_norm("norm2", dim)),
      norm3_(add_norm("norm3", dim)) {}

Tensor TransformerDecoderLayer::operator()(const Tensor& x, const Tensor& memory,
                                           const AttentionOptions& self,
                                           const AttentionOptions& cross, Loc loc) const {
  return called({x, memory}, loc, [&] { return decode(x, memory, self, cross); });
}

Tensor TransformerDecoderLayer::decode(Tensor x, const Tensor& memory, const AttentionOptions& self,
                                       const AttentionOptions& cross) const {
  const auto attend = [&](const Tensor& y) { return dropped(self_attn_(y, y, y, self)); };
  const auto look = [&](const Tensor& y) {
    return dropped(multihead_attn_(y, memory, memory, cross));
  };
  if (norm_first()) {
    x = x + attend(norm1_(x));
    x = x + look(norm2_(x));
    return x + run(feed_forward_, norm3_(x));
  }
  x = norm1_(x + attend(x));
  x = norm2_(x + look(x));
  return norm3_(x + run(feed_forward_, x));
}

TransformerDecoder::TransformerDecoder(int64_t dim, int64_t heads, int64_t layers,
                                       const TransformerOptions& options, bool norm) {
  check(layers > 0, "TransformerDecoder: {} layers", layers);
  for (int64_t i = 0; i < layers; ++i)
    layers_.push_back(TransformerDecoderLayer(dim, heads, options));
  adopt("layers", layers_);
  if (norm)
    norm_.emplace(
        child("norm", LayerNorm(dim, {.eps = options.layer_norm_eps, .bias = options.bias})));
}
Tensor TransformerDecoder::operator()(const Tensor& x, const Tensor& memory,
                                      const AttentionOptions& self, const AttentionOptions& cross,
                                      Loc loc) const {
  return called({x, memory}, loc, [&] { return decode(x, memory, self, cross); });
}
Tensor TransformerDecoder::decode(Tensor x, const Tensor& memory, const AttentionOptions& self,
                                  const AttentionOptions& cross) const {
  for (size_t i = 0; i < layers_.size(); ++i) x = layers_[i](x, memory, self, cross);
  return norm_ ? (*norm_)(x) : x;
}

}  // namespace cairn::nn
