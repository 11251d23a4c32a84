#include "cairn/nn/attention.h"

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
  in_proj_weight = param("in_proj_weight", init::xavier_uniform({3 * dim, dim}));
  if (!options.bias) return;
  in_proj_bias = param("in_proj_bias", zeros({3 * dim}));
  assign(out_proj.bias, zeros({dim}));
}

Tensor MultiheadAttention::operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                                      const AttentionOptions& options, Loc loc) const {
  return called({query, key, value}, loc, [&] { return attend(query, key, value, options); });
}

Tensor MultiheadAttention::attend(Tensor query, Tensor key, Tensor value,
                                  AttentionOptions options) const {
  check(query.rank() == 3 && query.size(-1) == dim_,
        "MultiheadAttention: wants a query of 3 dimensions, {} wide, not {}{}", dim_,
        to_string(query.shape()), where(context().loc));
  const bool self = query.impl() == key.impl() && key.impl() == value.impl();
  const auto time_second = [&](const Tensor& x) {
    return options_.batch_first ? x : transpose(x, 0, 1);
  };
  const auto rows = [&](const Tensor& all, int64_t i) {
    return all.defined() ? slice(all, 0, i * dim_, dim_) : Tensor();
  };
  const auto project = [&](const Tensor& x, int64_t i) {
    return split_heads(linear(time_second(x), rows(in_proj_weight, i), rows(in_proj_bias, i)),
                       heads_);
  };
  Tensor q, k, v;
  if (self) {
    const Tensors all = chunk(linear(time_second(query), in_proj_weight, in_proj_bias), 3, -1);
    q = split_heads(all[0], heads_), k = split_heads(all[1], heads_),
    v = split_heads(all[2], heads_);
  } else {
    q = project(query, 0), k = project(key, 1), v = project(value, 2);
  }
  if (options_.dropout > 0 && training()) options.dropout = options_.dropout;
  const Tensor y = out_proj(join_heads(attention(q, k, v, options)));
  return options_.batch_first ? y : transpose(y, 0, 1);
}

// ---- transformer layers

MultiheadAttention TransformerLayer::add_attention(const std::string& name, int64_t dim,
                                                   int64_t heads) {
  return child(
      name, MultiheadAttention(dim, heads,
                               {.dropout = options_.dropout, .batch_first = options_.batch_first}));
}

TransformerLayer::FeedForward TransformerLayer::add_feed_forward(int64_t dim) {
  FeedForward f;
  const int64_t hidden = options_.dim_feedforward;
  if (options_.activation == Activation::swiglu) {
    f.swiglu.emplace(child("swiglu", SwiGLU(dim, hidden)));
  } else {
    f.linear1.emplace(child("linear1", Linear(dim, hidden)));
    f.linear2.emplace(child("linear2", Linear(hidden, dim)));
  }
  return f;
}

LayerNorm TransformerLayer::add_norm(const std::string& name, int64_t dim) {
  return child(name, LayerNorm(dim, {.eps = options_.layer_norm_eps}));
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

}  // namespace cairn::nn
